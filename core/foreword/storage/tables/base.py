"""The base of all tables."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase

from foreword.sql.types import COLUMN_TYPES, new_metadata


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = new_metadata()
    type_annotation_map = COLUMN_TYPES
