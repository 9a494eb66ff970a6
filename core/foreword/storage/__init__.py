"""Persistent storage: tables, repositories, artifacts and migrations."""
