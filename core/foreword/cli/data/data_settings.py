"""Settings of commands that work on data: those of the service, or their variables if its packages are missing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from foreword.cli.settings import read_settings
from foreword.domain.dataset import MAX_DATASET_BYTES
from foreword.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """What commands on data need to know.

    Attributes:
        plugins: Plugins that may load; empty means all.
        base_model_aliases: Other names for base models.
        max_dataset_bytes: Maximum size of a file in bytes.
    """

    plugins: tuple[str, ...] = ()
    base_model_aliases: Mapping[str, str] = field(default_factory=dict)
    max_dataset_bytes: int = MAX_DATASET_BYTES

    @classmethod
    def read(cls) -> Self:
        """Read the settings.

        Raises:
            InvalidArgumentError: Settings are wrong.
        """
        try:
            settings = read_settings()
        except ModuleNotFoundError as error:
            if error.name not in ("pydantic", "pydantic_settings"):
                raise
            return cls._of_a_client()
        return cls(
            plugins=settings.plugins,
            base_model_aliases=settings.base_model_aliases,
            max_dataset_bytes=settings.max_dataset_bytes,
        )

    @classmethod
    def _of_a_client(cls) -> Self:
        """Read the variables without pydantic, which a client's installation does not have."""
        plugins = os.environ.get("FOREWORD_PLUGINS", "")
        size = os.environ.get("FOREWORD_MAX_DATASET_BYTES", str(MAX_DATASET_BYTES))
        if not size.isdecimal() or not int(size):
            raise InvalidArgumentError.of("FOREWORD_MAX_DATASET_BYTES", f"must be a number of bytes, not {size[:80]!r}")
        return cls(
            plugins=tuple(name for part in plugins.split(",") if (name := part.strip())),
            max_dataset_bytes=int(size),
        )
