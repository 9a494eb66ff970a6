"""Inputs that are nearly equal: their words, the search for candidates, and the comparison that decides."""
