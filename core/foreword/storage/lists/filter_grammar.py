"""The grammar of filters, a subset of https://google.aip.dev/160.

::

    filter      = conjunction
    conjunction = disjunction { "AND" disjunction }
    disjunction = term { "OR" term }
    term        = [ "NOT" ] ( "(" conjunction ")" | restriction )
    restriction = field [ "." key ] operator value
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
    value       = word | quoted text

As in the standard, `OR` binds more tightly than `AND`. `:` means "contains". After a backslash in a quoted text, any
character stands for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from foreword.errors import InvalidArgumentError

MAX_FILTER_CHARACTERS: Final = 2_000
MAX_RESTRICTIONS: Final = 50
MAX_DEPTH: Final = 10

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_.-]+)?")
_OPERATOR = re.compile(r"!=|<=|>=|[=<>:]")
_WORD = re.compile(r"""[^\s()"']+""")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_KEYWORDS = ("AND", "OR", "NOT")
_EXAMPLE = 'state = SUCCEEDED AND display_name : "complaints"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A comparison of a field, or of the value that it holds under a key, with a value.

    Attributes:
        key: The key; empty for the field itself.
    """

    field: str
    operator: str
    value: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """True if the operand is false."""

    operand: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Conjunction:
    """True if all operands are true."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disjunction:
    """True if any operand is true."""

    operands: tuple[Condition, ...]


Condition = Restriction | Negation | Conjunction | Disjunction


def parse_filter(text: str) -> Condition | None:
    """Parse a filter; None if it is empty.

    Raises:
        InvalidArgumentError: It does not follow the grammar, or is too long. The error names the position.
    """
    if len(text) > MAX_FILTER_CHARACTERS:
        raise InvalidArgumentError.of(
            "filter", f"must have at most {MAX_FILTER_CHARACTERS:,} characters, not {len(text):,}"
        )
    return None if not text.strip() else _Parser(text).parse()


class _Parser:
    """A recursive-descent parser; each method consumes what it returns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._restrictions = 0

    def parse(self) -> Condition:
        found = self._conjunction(0)
        if self._rest():
            raise self._fault("expected AND, OR or the end of the filter")
        return found

    def _conjunction(self, depth: int) -> Condition:
        operands = [self._disjunction(depth)]
        while self._keyword("AND"):
            operands.append(self._disjunction(depth))
        return operands[0] if len(operands) == 1 else Conjunction(operands=tuple(operands))

    def _disjunction(self, depth: int) -> Condition:
        operands = [self._term(depth)]
        while self._keyword("OR"):
            operands.append(self._term(depth))
        return operands[0] if len(operands) == 1 else Disjunction(operands=tuple(operands))

    def _term(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise self._fault(f"is nested more than {MAX_DEPTH} levels deep")
        if self._keyword("NOT"):
            return Negation(operand=self._term(depth + 1))
        if self._match(re.compile(r"\(")):
            found = self._conjunction(depth + 1)
            if not self._match(re.compile(r"\)")):
                raise self._fault("expected AND, OR or a closing parenthesis")
            return found
        return self._restriction()

    def _restriction(self) -> Restriction:
        field = self._match(_FIELD)
        if field is None or field in _KEYWORDS:
            raise self._fault("expected the name of a field")
        operator = self._match(_OPERATOR)
        if operator is None:
            raise self._fault(f"expected =, !=, <, <=, >, >= or : after {field}")
        self._restrictions += 1
        if self._restrictions > MAX_RESTRICTIONS:
            raise self._fault(f"must have at most {MAX_RESTRICTIONS} comparisons")
        name, _, key = field.partition(".")
        return Restriction(field=name, key=key, operator=operator, value=self._value())

    def _value(self) -> str:
        quoted = self._match(_QUOTED)
        if quoted is not None:
            return _ESCAPED.sub(r"\1", quoted[1:-1])
        if self._rest()[:1] in ('"', "'"):
            raise self._fault("expected a closing quote")
        word = self._match(_WORD)
        if word is None:
            raise self._fault("expected a value")
        return word

    def _keyword(self, word: str) -> bool:
        return self._match(re.compile(rf"{word}(?![A-Za-z0-9_])")) is not None

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        """Consume what matches after spaces, and return it."""
        found = pattern.match(self._text, self._skip())
        if found is None:
            return None
        self._place = found.end()
        return found[0]

    def _rest(self) -> str:
        return self._text[self._skip() :]

    def _skip(self) -> int:
        spaces = _SPACE.match(self._text, self._place)
        assert spaces is not None
        return spaces.end()

    def _fault(self, problem: str) -> InvalidArgumentError:
        rest = self._rest()
        place = f"at the end of {self._text[-40:]!r}" if not rest else f"at character {self._skip() + 1}, {rest[:40]!r}"
        lower = next((word for word in _KEYWORDS if rest[: len(word) + 1].strip().upper() == word), None)
        hint = f"; write {lower} in capitals" if lower and not rest.startswith(lower) else ""
        return InvalidArgumentError.of("filter", f"{problem} {place}{hint}. Write it like {_EXAMPLE}")
