"""Enumerations, under their original import path."""
