"""Uploads of datasets in chunks, and the pages of their rows."""
