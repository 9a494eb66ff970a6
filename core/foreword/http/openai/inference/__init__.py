"""Completions and chat completions."""
