"""The check for nearly equal inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from foreword.domain.dataset import Row
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, ReportPart, Severity, Table, excerpt
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext
from foreword_validators.near_inputs.findings import described, incomplete
from foreword_validators.near_inputs.permission import refusal
from foreword_validators.output_meaning import meaning_of_outputs

if TYPE_CHECKING:
    from foreword_validators.near_inputs.rows import NearPair, NearRows

_LISTED: Final = 3
_MAX_GROUPS: Final = 10
_MANY: Final = 0.1
_FEWEST_OF_MANY: Final = 10


class NearDuplicates(RowValidator):
    """The check for inputs that differ only in case, punctuation, or a few words.

    Nearly equal inputs with the same output are a remark. With different outputs they are a warning if the difference
    has no meaning, such as a greeting, an ending or a typing error: one of the outputs is probably wrong. Inputs that
    differ in other words may well have different outputs.
    """

    id = "near_duplicates"
    description = "An input nearly repeats another one."

    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check, for any task. Unlabelled rows need none."""
        return None if context.unlabelled or context.near_duplicates is False else _Check(context)


class _Check(RowCheck):
    def __init__(self, context: ValidationContext) -> None:
        self._context = context
        self._row_count = 0
        self._character_count = 0
        self._parts: list[ReportPart] = []

    def row(self, row: Row) -> Iterable[Finding]:
        self._row_count += 1
        self._character_count += len(row.input)
        return ()

    def review(self, rows: Sequence[Row]) -> Iterator[Finding]:
        refused = refusal(self._context.near_duplicates, self._row_count, self._character_count)
        if refused is not None:
            yield refused
            return
        # NumPy takes a tenth of a second to load, which only a search should take.
        from foreword_validators.near_inputs.rows import NearRows

        # Other tasks than classification answer with texts, of which no two need be equal.
        labels = {"classification": True, "": None}.get(self._context.task, False)
        found = NearRows(rows, meaning_of_outputs(self._context), labels)
        for pair in found.contradictions():
            yield _contradiction(rows, pair)
        for pair in found.hints:
            yield _hint(rows, pair)
        repeats = found.repeats_N
        if len(repeats):
            places = repeats[:MAX_ROWS_PER_FINDING].tolist()
            listed = [near for place in places[:_LISTED] if (near := found.partner(place)) is not None]
            yield _repeats(rows, places, len(repeats), listed)
            self._parts.append(_groups(rows, found))
        if not found.is_complete:
            yield incomplete()

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        return (), self._parts


def _contradiction(rows: Sequence[Row], pair: NearPair) -> Finding:
    first, second = rows[pair.first], rows[pair.second]
    return Finding(
        severity=Severity.WARNING,
        code="NEAR_CONFLICTING_OUTPUTS",
        message=f"Row {second.number} has another output than row {first.number}, whose input differs only in "
        f"{described(pair.difference)}.",
        remedy="Correct the wrong output, or remove one of the rows.",
        rows=(first.number, second.number),
        row_count=2,
        column="output",
        excerpt=_excerpt(second),
    )


def _hint(rows: Sequence[Row], pair: NearPair) -> Finding:
    first, second = rows[pair.first], rows[pair.second]
    return Finding(
        severity=Severity.INFO,
        code="NEAR_EQUAL_INPUTS_DIFFER",
        message=f"Rows {first.number} and {second.number} have different outputs, although their inputs differ only in "
        f"{described(pair.difference)}.",
        remedy="Check that these words are the reason for the other output.",
        rows=(first.number, second.number),
        row_count=2,
        column="output",
        excerpt=_excerpt(second),
    )


def _repeats(rows: Sequence[Row], places: Sequence[int], count: int, listed: Sequence[NearPair]) -> Finding:
    pairs = "; ".join(
        f"row {rows[pair.second].number} differs from row {rows[pair.first].number} in {described(pair.difference)}"
        for pair in listed
    )
    shown = f" ({pairs}{'; ...' * (count > len(listed))})" if pairs else ""
    many = count >= max(_FEWEST_OF_MANY, _MANY * len(rows))
    return Finding(
        severity=Severity.WARNING if many else Severity.INFO,
        code="NEAR_DUPLICATE_ROWS",
        message=f"{count:,} {'input nearly repeats' if count == 1 else 'inputs nearly repeat'} an earlier one{shown}.",
        remedy="Keep one of each group, unless the difference matters: near copies teach little, and held-out ones "
        "make results look better.",
        rows=tuple(rows[place].number for place in places),
        row_count=count,
        column="input",
        excerpt=excerpt(rows[places[0]].input),
    )


def _groups(rows: Sequence[Row], found: NearRows) -> ReportPart:
    return ReportPart(
        id="near_duplicates",
        title="Largest groups of nearly equal inputs",
        content=Table(
            columns=("rows", "first rows", "first input"),
            rows=tuple(
                (
                    f"{len(places):,}",
                    ", ".join(str(rows[place].number) for place in places[:_LISTED].tolist()),
                    excerpt(rows[int(places[0])].input),
                )
                for places in found.groups(_MAX_GROUPS)
            ),
        ),
    )


def _excerpt(row: Row) -> str:
    return f"{row.output.strip()[:40]} <- {row.input.strip()}"
