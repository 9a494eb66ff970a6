"""Rules that infer from the rows which task they are for.

Every rule counts repetitions and compares outputs with inputs; the length of a text alone never decides. If the rows
are ambiguous, no rule applies, and generation remains, which suits any text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, TypeVar

from foreword.domain.dataset import Row
from foreword.domain.labels.packing import DEFAULT_SEPARATOR, parts_recur, split_output
from foreword.domain.labels.spelling import spelling_key
from foreword_tasks.outputs import Outputs
from foreword_tasks.words import words

Item = TypeVar("Item")

_RECURRING_SHARE: Final = 0.8
_MAX_LABEL_WORDS: Final = 5
_MAX_LABEL_CHARACTERS: Final = 50
_MANY_LABELS: Final = 50
_MAX_LABELS: Final = 1000
_ROWS_PER_LABEL: Final = 2
_ROWS_PER_DOUBTFUL_LABEL: Final = 3

_MIN_COPIED: Final = 10
_COPIED_SHARE: Final = 0.8
_MAX_CHANCE_SHARE: Final = 0.2

_MIN_SUMMARIES: Final = 8
_MIN_TEXT_WORDS: Final = 30
_MIN_SUMMARY_WORDS: Final = 4
_SHORTER_SHARE: Final = 0.9
_FROM_INPUT_SHARE: Final = 0.5
_MIN_LEAD: Final = 0.25
_STEM_LETTERS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSigns:
    """Statistics of the outputs when they are read as labels.

    Attributes:
        counts: Occurrences of each label, ignoring case and spaces.
        combination_count: Number of distinct label sets.
        multi_label: Whether some outputs have several labels.
        structured: Whether most outputs are JSON objects or arrays.
    """

    counts: Counter[str]
    combination_count: int
    multi_label: bool
    structured: bool

    @classmethod
    def of(cls, outputs: Outputs) -> LabelSigns:
        """Read the outputs of at least one row."""
        multi_label = parts_recur(outputs.texts, DEFAULT_SEPARATOR)
        label_sets: Counter[frozenset[str]] = Counter()
        for output in outputs:
            parts = split_output(output.text, DEFAULT_SEPARATOR) if multi_label else [output.text]
            label_sets[frozenset(map(spelling_key, parts))] += output.count
        counts: Counter[str] = Counter()
        for labels, count in label_sets.items():
            for label in labels:
                counts[label] += count
        structured = sum(output.count for output in outputs if output.text.lstrip()[:1] in ("{", "["))
        return cls(
            counts=counts,
            combination_count=len(label_sets),
            multi_label=multi_label,
            structured=structured > outputs.row_count / 2,
        )

    @property
    def are_labels(self) -> bool:
        """True if the outputs are a small set of recurring texts, alone or joined."""
        recurring = sum(count for count in self.counts.values() if count > 1)
        long = sum(len(label) > _MAX_LABEL_CHARACTERS or len(label.split()) > _MAX_LABEL_WORDS for label in self.counts)
        doubtful = long > len(self.counts) / 2 or len(self.counts) > _MANY_LABELS
        needed = _ROWS_PER_DOUBTFUL_LABEL if doubtful else _ROWS_PER_LABEL
        return (
            recurring >= _RECURRING_SHARE * self.counts.total()
            and self.counts.total() >= needed * len(self.counts)
            and len(self.counts) <= _MAX_LABELS
            # The commas are part of the JSON and do not separate labels.
            and not (self.multi_label and self.structured)
        )

    def describe(self, row_count: int) -> str:
        """Return the counts as a clause."""
        count = len(self.counts)
        if count == 1:
            return f"{row_count:,} rows have the same output"
        repeated = sum(rows > 1 for rows in self.counts.values())
        which = "each repeated" if repeated == count else f"{repeated:,} of them repeated"
        combined = f", in {self.combination_count:,} combinations" if self.multi_label else ""
        return f"{row_count:,} rows have {count:,} labels, {which}{combined}"


def copied_from_inputs(rows: Sequence[Row]) -> bool:
    """Return True if outputs are copied from their own inputs, as in the extraction of names.

    Inputs that list all labels also contain the outputs of other rows and do not count. A small set of outputs is still
    read as labels.
    """
    if len({spelling_key(row.output) for row in rows}) <= _MIN_COPIED:
        return False
    inputs = [f" {' '.join(words(row.input))} " for row in rows]
    outputs = [" ".join(words(row.output)) for row in rows]
    own = [bool(output) and f" {output} " in text for output, text in zip(outputs, inputs, strict=True)]
    if fmean(own) < _COPIED_SHARE:
        return False
    # Inputs that list the labels usually contain the outputs of other rows too; texts with a name to extract rarely do.
    listed = [
        f" {output} " in text
        for places in (0, 1, 2)  # in case the outputs alternate
        for output, text, its_own in zip(outputs, _rotated(inputs, places), _rotated(outputs, places), strict=True)
        if output != its_own
    ]
    return bool(listed) and fmean(listed) <= _MAX_CHANCE_SHARE


def describe_summaries(rows: Sequence[Row]) -> str | None:
    """Return a clause that explains why the rows are summaries, or None if they may be something else.

    A summary is clearly shorter than its text and uses its words; a reply or a title need not. Comparing outputs with
    the inputs of other rows measures how many words any two texts share.
    """
    if len(rows) < _MIN_SUMMARIES:
        return None
    inputs, outputs = [words(row.input) for row in rows], [words(row.output) for row in rows]
    input_words, output_words = median(map(len, inputs)), median(map(len, outputs))
    shorter = fmean(2 * len(output) <= len(text) for output, text in zip(outputs, inputs, strict=True))
    if input_words < _MIN_TEXT_WORDS or output_words < _MIN_SUMMARY_WORDS or shorter < _SHORTER_SHARE:
        return None
    if len({spelling_key(row.output) for row in rows}) < _RECURRING_SHARE * len(rows):
        return None
    own = fmean(map(_share_from, outputs, inputs))
    if own < _FROM_INPUT_SHARE or own - fmean(map(_share_from, outputs, _rotated(inputs))) < _MIN_LEAD:
        return None
    return (
        f"{len(rows):,} rows have inputs of {input_words:.0f} words and outputs of {output_words:.0f} (medians), "
        f"and {own:.0%} of the outputs' longer words come from the inputs"
    )


def _share_from(output: Sequence[str], text: Sequence[str]) -> float:
    """Return the share of the output's longer words that begin like a word of the text."""
    stems = {word[:_STEM_LETTERS] for word in output if len(word) >= _STEM_LETTERS - 1 or not word.isascii()}
    return len(stems & {word[:_STEM_LETTERS] for word in text}) / len(stems) if stems else 0.0


def _rotated(items: Sequence[Item], places: int = 0) -> list[Item]:
    """Return the items rotated by half the list plus a number of places."""
    distance = len(items) // 2 + places
    return [*items[distance:], *items[:distance]]
