"""Strict reading of JSON: wrong types, values out of range and unknown fields are refused by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

from foreword.http.errors import RequestError

_SHOWN: Final = 80


class Fields:
    """The fields of a JSON object. A field that is null counts as unset, as in OpenAI's interface.

    Args:
        values: The object.
        path: Path of the object in the request, ending in a dot; empty for the request itself.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()

    def value(self, name: str) -> Any:
        """Return a value of any type; None if it is unset."""
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text; empty if it is unset.

        Raises:
            RequestError: It is no text, or required and empty.
        """
        value = self.value(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            raise self.fault(name, "must be a string", value)
        if required and not value:
            raise self.fault(name, "must not be empty")
        return value

    def number(self, name: str, low: float, high: float, why: str = "") -> float | None:
        """Return a number in a range; None if it is unset.

        Args:
            why: Reason for the range, after a semicolon.
        """
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fault(name, "must be a number", value)
        if not low <= value <= high:  # also refuses nan
            raise self.fault(name, f"must be in [{low:g}, {high:g}]{why and '; '}{why}", value)
        return float(value)

    def integer(self, name: str, low: int, high: int, why: str = "") -> int | None:
        """Return a whole number in a range; None if it is unset."""
        value = self.value(name)
        if value is None:
            return None
        whole = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and value == int(value))
        if isinstance(value, bool) or not whole:
            raise self.fault(name, "must be an integer", value)
        if not low <= value <= high:
            raise self.fault(name, f"must be in [{low}, {high}]{why and '; '}{why}", value)
        return int(value)

    def flag(self, name: str) -> bool:
        """Return a boolean; false if it is unset."""
        value = self.value(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.fault(name, "must be true or false", value)
        return value

    def items(self, name: str) -> list[Any]:
        """Return a list; empty if it is unset."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fault(name, "must be a list", value)
        return value

    def object(self, name: str) -> Fields | None:
        """Return the fields of an object; None if it is unset."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fault(name, "must be an object", value)
        return Fields(value, f"{self._path}{name}.")

    def only(self, name: str, allowed: Collection[Any], why: str) -> None:
        """Refuse a field unless it is unset or has a value that changes nothing.

        Args:
            allowed: The values that change nothing.
            why: Why others cannot be honoured, with the remedy.
        """
        value = self.value(name)
        # By type as well: 1 is no boolean, although Python finds it equal to true.
        if value is not None and not any(value == item and type(value) is type(item) for item in allowed):
            raise self.fault(name, f"cannot be honoured: {why}", reason="PARAMETER_UNSUPPORTED")

    def ignore_texts(self, *names: str) -> None:
        """Accept texts without an effect on any answer, such as a name for the end user.

        Raises:
            RequestError: One of them is no text.
        """
        for name in names:
            self.text(name)

    def texts(self, name: str, most: int) -> dict[str, str]:
        """Return an object of texts; empty if it is unset.

        Args:
            most: Maximum number of texts.

        Raises:
            RequestError: It is something else. The error names the faulty text.
        """
        fields = self.object(name)
        if fields is None:
            return {}
        if len(fields._values) > most:
            raise self.fault(name, f"must have at most {most} keys, not {len(fields._values):,}")
        for key, value in fields._values.items():
            if not isinstance(value, str):
                raise fields.fault(key[:_SHOWN], "must be a string", value)
        return dict(fields._values)

    def finish(self) -> None:
        """Refuse fields that nobody has read.

        Raises:
            RequestError: There are such fields. The error names them.
        """
        unknown = [name for name, value in self._values.items() if name not in self._read and value is not None]
        if unknown:
            shown = ", ".join(f"{self._path}{name}"[:_SHOWN] for name in unknown[:10])
            raise RequestError(
                f"{shown}: cannot be honoured: this service has no such parameter. Leave it out.",
                reason="PARAMETER_UNSUPPORTED",
                field=f"{self._path}{unknown[0]}"[:_SHOWN],
            )

    def fault(self, name: str, problem: str, value: Any = None, *, reason: str = "INVALID_ARGUMENT") -> RequestError:
        """Return the error for a field.

        Args:
            value: The value to show; None for none.
        """
        path = f"{self._path}{name}"
        shown = "" if value is None else f", not {_brief(value)}"
        return RequestError(f"{path}: {problem}{shown}.", reason=reason, field=path)


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value[:_SHOWN]) if isinstance(value, str) else f"{value!r:.{_SHOWN}}"
    return {"True": "true", "False": "false", "None": "null"}.get(text, text)
