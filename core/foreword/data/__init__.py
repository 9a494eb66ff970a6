"""Streaming readers and checks for files of rows."""
