"""Saved prompts and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from foreword.sql.types import RowNumber
from foreword.storage.tables.base import Base


class SavedPromptRow(Base):
    """A saved prompt. `change_count` is part of the etag."""

    __tablename__ = "saved_prompts"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "key"),
        Index(None, "tenant", "update_time", "key"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    id: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[Any]]
    latest_version: Mapped[int]
    change_count: Mapped[int]
    creator: Mapped[str]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class SavedPromptVersionRow(Base):
    """A version of a saved prompt, which never changes.

    `content` is the prompt with its variables, `parameters` the JSON form of the API's message, and `byte_size` the
    size of both in bytes.
    """

    __tablename__ = "saved_prompt_versions"
    __table_args__ = (Index(None, "tenant"),)

    saved_prompt_key: Mapped[int] = mapped_column(
        RowNumber, ForeignKey("saved_prompts.key", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    content: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    model: Mapped[str]
    note: Mapped[str]
    byte_size: Mapped[int]
    creator: Mapped[str]
    create_time: Mapped[datetime]
