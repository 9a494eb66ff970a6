"""A list of the faults of a payload, each with its location, collected instead of raised one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FaultList:
    """The faults in Slack's wording: `[ERROR] must be less than 76 characters [json-pointer:/blocks/0/text]`."""

    def __init__(self) -> None:
        self._place: list[str | int] = []
        self.messages: list[str] = []

    def add(self, problem: str) -> None:
        """Add a fault at the current location."""
        pointer = "".join(f"/{part}" for part in self._place)
        self.messages.append(f"[ERROR] {problem} [json-pointer:{pointer}]")

    @contextmanager
    def at(self, *parts: str | int) -> Iterator[None]:
        """Enter a part of the payload, so that faults are added at its location."""
        self._place += parts
        try:
            yield
        finally:
            del self._place[-len(parts) :]

    def check_string(self, holder: dict[str, Any], key: str, most: int, *, required: bool = False) -> None:
        """Check that a value is a string of 1 to `most` characters."""
        value = holder.get(key)
        if value is None:
            if required:
                self.add(f"missing required field: {key}")
            return
        with self.at(key):
            if not isinstance(value, str):
                self.add("must be a string")
            elif len(value) > most:
                self.add(f"must be less than {most + 1} characters")
            elif not value and required:
                self.add("must be more than 0 characters")

    def check_list(self, holder: dict[str, Any], key: str, most: int, *, least: int = 1) -> list[Any]:
        """Check that a value is a list of `least` to `most` items; return it, or an empty list if it is not a list."""
        value = holder.get(key)
        with self.at(key):
            if not isinstance(value, list):
                self.add("must be an array")
                return []
            if len(value) > most:
                self.add(f"no more than {most} items allowed")
            if len(value) < least:
                self.add(f"no fewer than {least} items allowed")
            return value

    def check_text(
        self, holder: dict[str, Any], key: str, most: int, *, plain: bool = False, required: bool = True
    ) -> None:
        """Check that a value is a text object of 1 to `most` characters."""
        value = holder.get(key)
        if value is None:
            if required:
                self.add(f"missing required field: {key}")
            return
        with self.at(key):
            self.check_text_object(value, most, plain=plain)

    def check_text_object(self, value: Any, most: int, *, plain: bool = False) -> None:
        """Check that a value at the current location is a text object of 1 to `most` characters."""
        kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if not isinstance(value, dict) or value.get("type") not in kinds:
            self.add(f"must be a text object of type {' or '.join(kinds)}")
            return
        if value["type"] == "mrkdwn" and "emoji" in value:
            self.add("invalid additional property: emoji")
        self.check_string(value, "text", most, required=True)
