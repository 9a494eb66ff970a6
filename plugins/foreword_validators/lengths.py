"""The lengths of texts, and the check for inputs that are too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Histogram, ReportPart, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

_MAX_BINS = 20
_STEPS = (1, 2, 5)


class Lengths(RowValidator):
    """Histograms of the lengths of texts, in tokens if a base model is given, otherwise in characters.

    The tokens of an input include those that the tokenizer or the chat template adds, the tokens of an output its end
    token. Inputs over the limit are a warning, because tuning truncates them and notes it in its plan, or an error if
    the caller asks for that.
    """

    id = "lengths"
    description = "An input is longer than the model accepts; also reports the lengths of all texts."

    def start(self, context: ValidationContext) -> RowCheck:
        """Start the check, for any task; the limit applies only with a tokenizer."""
        return _Check(context)


class _Check(RowCheck):
    def __init__(self, context: ValidationContext) -> None:
        self._count = context.count_tokens or len
        # Outputs do not have the tokens that are added around an input, only an end token.
        self._beyond_output = context.count_tokens("") - 1 if context.count_tokens else 0
        self._unit = "tokens" if context.count_tokens else "characters"
        self._limit = context.max_input_tokens if context.count_tokens else None
        self._refuses = context.refuse_long_inputs
        self._unlabelled = context.unlabelled
        self._lengths: dict[str, Counter[int]] = {"input": Counter(), "output": Counter()}

    def row(self, row: Row) -> Iterator[Finding]:
        length = self._count(row.input)
        self._lengths["input"][length] += 1
        if not self._unlabelled:
            self._lengths["output"][self._count(row.output) - self._beyond_output] += 1
        if self._limit is not None and length > self._limit:
            yield Finding(
                severity=Severity.ERROR if self._refuses else Severity.WARNING,
                code="INPUT_TOO_LONG",
                message=f"The input has {length:,} tokens, and at most {self._limit:,} are allowed."
                if self._refuses
                else f"Inputs longer than {self._limit} tokens are truncated; the model does not see the rest.",
                remedy="Shorten them, or choose a base model with a longer context.",
                rows=(row.number,),
                row_count=1,
                column="input",
                excerpt=f"{length} tokens: {row.input}",
            )

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        parts = [
            ReportPart(
                id=f"{column}_lengths",
                title=f"Length of {column}s in {self._unit}",
                content=_histogram(lengths, self._unit),
            )
            for column, lengths in self._lengths.items()
            if lengths
        ]
        return (), parts


def _histogram(lengths: Counter[int], unit: str) -> Histogram:
    """Return a histogram of at most `_MAX_BINS` equal intervals with round edges."""
    low, high = min(lengths), max(lengths)
    step = _round_step((high - low + 1) / _MAX_BINS)
    start = low // step * step
    if (high - start) // step + 1 > _MAX_BINS:
        step = _round_step(step + 1)
        start = low // step * step
    counts = [0] * ((high - start) // step + 1)
    for length, count in lengths.items():
        counts[(length - start) // step] += count
    edges = tuple(float(start + step * place) for place in range(len(counts) + 1))
    return Histogram(unit=unit, edges=edges, counts=tuple(counts))


def _round_step(step: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is at least `step`."""
    power = 1
    while True:
        for factor in _STEPS:
            if factor * power >= step:
                return factor * power
        power *= 10
