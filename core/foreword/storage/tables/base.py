"""The base of all tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import DeclarativeBase

from foreword.sql.types import COLUMN_TYPES, new_metadata

OUTLIVES_TENANT: Final = {"outlives_tenant": True}
"""The `info` of a table whose rows have a retention of their own and stay when their tenant is purged.

The rows of every other table with a column `tenant` are deleted.
"""


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = new_metadata()
    type_annotation_map = COLUMN_TYPES
