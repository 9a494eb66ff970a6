"""Collection of faulty fields, so that one error names all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from foreword.errors import FieldViolation, InvalidArgumentError

Result = TypeVar("Result")
Number = TypeVar("Number", int, float)

MAX_VIOLATIONS: Final = 100
"""Maximum number of faulty fields that an error names. A request of a few megabytes can have a million of them."""
_NOT_SHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Violations:
    """The faulty fields of one request, in the order in which they were found: the first `MAX_VIOLATIONS`.

    It is true if there are any::

        violations = Violations()
        name = violations.name("display_name", request.display_name, 200)
        parent = violations.collect(lambda: TenantName.parse(request.parent, "parent"))
        violations.check()
    """

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []
        self._omitted = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, field: str, description: str) -> None:
        """Add a faulty field.

        Args:
            field: Path of the field, such as `parameters.batch_size`.
            description: What is wrong with it and how to correct it.
        """
        if len(self._found) < MAX_VIOLATIONS:
            self._found.append(FieldViolation(field=field, description=description))
        else:
            self._omitted += 1

    def collect(self, call: Callable[[], Result]) -> Result | None:
        """Return what `call` returns, or None after adding the violations of the InvalidArgumentError it raises."""
        try:
            return call()
        except InvalidArgumentError as error:
            self._take(error.violations)
            return None

    def check(self, *, reason: str = "") -> None:
        """Raise an error with all violations, if there are any.

        Args:
            reason: Reason of the error. Default: that of InvalidArgumentError.

        Raises:
            InvalidArgumentError: At least one field is faulty.
        """
        if self._omitted:
            more = FieldViolation(field="", description=f"{self._omitted:,} more faults are not listed")
            raise InvalidArgumentError([*self._found, more], reason=reason)
        if self._found:
            raise InvalidArgumentError(self._found, reason=reason)

    def _take(self, violations: Sequence[FieldViolation]) -> None:
        kept = violations[: MAX_VIOLATIONS - len(self._found)]
        self._found += kept
        self._omitted += len(violations) - len(kept)

    def text(self, field: str, value: str, maximum: int, *, required: bool = False) -> str:
        """Return a text after checking that it has at most `maximum` characters and no NUL."""
        if required and not value.strip():
            self.add(field, "must not be empty")
        elif len(value) > maximum:
            self.add(field, f"must have at most {maximum:,} characters, not {len(value):,}")
        elif "\x00" in value:
            self.add(field, "must not contain the NUL character")
        return value

    def name(self, field: str, value: str, maximum: int, *, required: bool = False) -> str:
        """Return a name for people after checking it as `text` does, and that it is shown as it is on one line.

        Control characters, line breaks and those that reverse the direction of a text are refused: in a table, a log or
        a terminal, a name could pass for another one with them.
        """
        found = _NOT_SHOWN.search(value)
        if found is None or len(value) > maximum:
            return self.text(field, value, maximum, required=required)
        self.add(
            field,
            f"must not contain control characters, line breaks or changes of direction; character {found.start() + 1} "
            f"is U+{ord(found[0]):04X}",
        )
        return value

    def number(
        self,
        field: str,
        value: Number,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        above: float | None = None,
    ) -> Number:
        """Return a number after checking that it is finite and in `[minimum, maximum]`, or in `(above, maximum]`."""
        inside = (
            math.isfinite(value)
            and (minimum is None or value >= minimum)
            and (above is None or value > above)
            and (maximum is None or value <= maximum)
        )
        if not inside:
            low = f"({above:g}" if above is not None else f"[{minimum:.10g}" if minimum is not None else "("
            high = f"{maximum:.10g}]" if maximum is not None else "inf)"
            self.add(field, f"must be in {low}, {high}, not {value:.10g}")
        return value

    def choice(self, field: str, value: str, choices: Sequence[str]) -> str:
        """Return a value after checking that it is one of `choices`."""
        if value not in choices:
            self.add(field, f"must be one of {', '.join(choices)}, not {value[:80]!r}")
        return value


@contextmanager
def fields_below(prefix: str) -> Iterator[None]:
    """Put `prefix.` before the fields named by an InvalidArgumentError that the block raises.

    For checks that do not know the position of their values in the request.
    """
    try:
        yield
    except InvalidArgumentError as error:
        error.put_below(prefix)
        raise
