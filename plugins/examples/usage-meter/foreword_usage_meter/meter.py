"""Tokens by day, tenant and base model, in a SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from foreword.domain.inference import TokenUsage

_TABLE = """
CREATE TABLE IF NOT EXISTS usage (
  day TEXT, tenant TEXT, base_model TEXT, requests INTEGER, input_tokens INTEGER, generated_tokens INTEGER,
  PRIMARY KEY (day, tenant, base_model)
)
"""
# One statement, so that servers that count at the same time lose nothing.
_COUNT = """
INSERT INTO usage VALUES (?, ?, ?, 1, ?, ?)
ON CONFLICT DO UPDATE SET
  requests = requests + 1,
  input_tokens = input_tokens + excluded.input_tokens,
  generated_tokens = generated_tokens + excluded.generated_tokens
"""


class Meter:
    """A file of counts; it is created when it is missing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, tenant: str, base_model: str, usage: TokenUsage, day: date) -> None:
        """Add a request to its day.

        Raises:
            sqlite3.Error: The file cannot be written.
        """
        # Soft-prompt tokens are left out: the tenant did not send them.
        values = (day.isoformat(), tenant, base_model, usage.input_tokens, usage.generated_tokens)
        with closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            database.execute(_TABLE)
            database.execute(_COUNT, values)
