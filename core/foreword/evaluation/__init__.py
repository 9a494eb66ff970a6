"""Tuned against base on held-out rows."""
