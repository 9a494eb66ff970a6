"""Shared database layer for SQLite and PostgreSQL, used by every store of Foreword."""
