"""Base models in memory: which are loaded, and which are unloaded to make room."""
