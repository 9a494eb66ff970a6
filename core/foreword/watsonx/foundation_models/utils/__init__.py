"""Enumerations, where notebooks import them from."""
