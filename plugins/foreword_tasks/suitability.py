"""Signs in the rows that they are meant for one task or another.

Every rule counts repetitions and compares outputs with inputs; no text is long or short enough to decide alone. Where
the rows leave room for doubt, no rule applies and generation is left, which suits any text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, TypeVar

from foreword.domain.dataset import Row
from foreword_tasks.label_reading import parts_recur
from foreword_tasks.label_schema import DEFAULT_SEPARATOR, spelling_key, split_output
from foreword_tasks.words import words

Item = TypeVar("Item")

_RECURRING_SHARE: Final = 0.8
_MOST_LABEL_WORDS: Final = 5
_MOST_LABEL_CHARACTERS: Final = 50
_MANY_LABELS: Final = 50
_MOST_LABELS: Final = 1000
_ROWS_PER_LABEL: Final = 2
_ROWS_PER_DOUBTFUL_LABEL: Final = 3

_FEWEST_COPIED: Final = 10
_COPIED_SHARE: Final = 0.8
_MOST_CHANCE_SHARE: Final = 0.2

_FEWEST_SUMMARIES: Final = 8
_FEWEST_TEXT_WORDS: Final = 30
_FEWEST_SUMMARY_WORDS: Final = 4
_SHORTER_SHARE: Final = 0.9
_FROM_INPUT_SHARE: Final = 0.5
_LEAST_LEAD: Final = 0.25
_STEM_LETTERS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSigns:
    """What the outputs look like when they are read as labels.

    Attributes:
        counts: Occurrences of each label, spelling aside.
        combination_count: Distinct sets of labels in one output.
        multi_label: Whether some outputs hold several labels.
        structured: Whether most outputs are JSON objects or arrays.
    """

    counts: Counter[str]
    combination_count: int
    multi_label: bool
    structured: bool

    @classmethod
    def of(cls, rows: Sequence[Row]) -> LabelSigns:
        """Read the outputs of at least one row."""
        outputs = [row.output for row in rows]
        multi_label = parts_recur(outputs, DEFAULT_SEPARATOR)
        label_sets = [
            frozenset(map(spelling_key, split_output(output, DEFAULT_SEPARATOR) if multi_label else [output]))
            for output in outputs
        ]
        return cls(
            counts=Counter(label for labels in label_sets for label in labels),
            combination_count=len(set(label_sets)),
            multi_label=multi_label,
            structured=sum(output.lstrip()[:1] in ("{", "[") for output in outputs) > len(outputs) / 2,
        )

    @property
    def are_labels(self) -> bool:
        """Whether the outputs are a small set of texts that recur, alone or joined."""
        recurring = sum(count for count in self.counts.values() if count > 1)
        long = sum(
            len(label) > _MOST_LABEL_CHARACTERS or len(label.split()) > _MOST_LABEL_WORDS for label in self.counts
        )
        doubtful = long > len(self.counts) / 2 or len(self.counts) > _MANY_LABELS
        needed = _ROWS_PER_DOUBTFUL_LABEL if doubtful else _ROWS_PER_LABEL
        return (
            recurring >= _RECURRING_SHARE * self.counts.total()
            and self.counts.total() >= needed * len(self.counts)
            and len(self.counts) <= _MOST_LABELS
            # Their commas belong to JSON and join no labels.
            and not (self.multi_label and self.structured)
        )

    def describe(self, row_count: int) -> str:
        """The counts as a clause."""
        count = len(self.counts)
        if count == 1:
            return f"{row_count:,} rows have the same output"
        repeated = sum(rows > 1 for rows in self.counts.values())
        which = "each repeated" if repeated == count else f"{repeated:,} of them repeated"
        combined = f", in {self.combination_count:,} combinations" if self.multi_label else ""
        return f"{row_count:,} rows have {count:,} labels, {which}{combined}"


def copied_from_inputs(rows: Sequence[Row]) -> bool:
    """Whether outputs are parts of their own inputs, such as names that are to be found in a text.

    Inputs that list all labels hold those of other rows too, and do not count. A few labels that stand in their inputs
    are still labels.
    """
    if len({spelling_key(row.output) for row in rows}) <= _FEWEST_COPIED:
        return False
    inputs = [f" {' '.join(words(row.input))} " for row in rows]
    outputs = [" ".join(words(row.output)) for row in rows]
    own = [bool(output) and f" {output} " in text for output, text in zip(outputs, inputs, strict=True)]
    if fmean(own) < _COPIED_SHARE:
        return False
    # A text that holds both outputs is the rule where labels are listed in it, and the exception where a name is found.
    listed = [
        f" {output} " in text
        for places in (0, 1, 2)  # the outputs may come in turns
        for output, text, its_own in zip(outputs, _rotated(inputs, places), _rotated(outputs, places), strict=True)
        if output != its_own
    ]
    return bool(listed) and fmean(listed) <= _MOST_CHANCE_SHARE


def describe_summaries(rows: Sequence[Row]) -> str | None:
    """Why the rows are summaries, as a clause; None if they may be something else.

    A summary is clearly shorter than its text and made of its words; a reply or a title need not be. How many words
    two texts of these rows share anyway is measured by comparing outputs with the inputs of other rows.
    """
    if len(rows) < _FEWEST_SUMMARIES:
        return None
    inputs, outputs = [words(row.input) for row in rows], [words(row.output) for row in rows]
    input_words, output_words = median(map(len, inputs)), median(map(len, outputs))
    shorter = fmean(2 * len(output) <= len(text) for output, text in zip(outputs, inputs, strict=True))
    if input_words < _FEWEST_TEXT_WORDS or output_words < _FEWEST_SUMMARY_WORDS or shorter < _SHORTER_SHARE:
        return None
    if len({spelling_key(row.output) for row in rows}) < _RECURRING_SHARE * len(rows):
        return None
    own = fmean(map(_share_from, outputs, inputs))
    if own < _FROM_INPUT_SHARE or own - fmean(map(_share_from, outputs, _rotated(inputs))) < _LEAST_LEAD:
        return None
    return (
        f"{len(rows):,} rows have inputs of {input_words:.0f} words and outputs of {output_words:.0f} (medians), "
        f"and {own:.0%} of the outputs' longer words come from the inputs"
    )


def _share_from(output: Sequence[str], text: Sequence[str]) -> float:
    """Share of the output's longer words whose beginning is that of a word of the text."""
    stems = {word[:_STEM_LETTERS] for word in output if len(word) >= _STEM_LETTERS - 1 or not word.isascii()}
    return len(stems & {word[:_STEM_LETTERS] for word in text}) / len(stems) if stems else 0.0


def _rotated(items: Sequence[Item], places: int = 0) -> list[Item]:
    """Each item in the place of another one, half the list and so many places away."""
    distance = len(items) // 2 + places
    return [*items[distance:], *items[:distance]]
