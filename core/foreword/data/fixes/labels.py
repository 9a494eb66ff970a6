"""Corrections of outputs that are labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from foreword.data.fixes.change import (
    LABEL_REPEATED,
    LABEL_SPELLING,
    LABELS_ALIKE,
    LISTS_AS_TEXT,
    MISSING_VALUE_AS_LABEL,
    NONE_AS_LABEL,
    OTHER_SEPARATOR,
)
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.labels.missing_values import is_missing_value, may_be_label
from foreword.domain.labels.packing import (
    DEFAULT_SEPARATOR,
    parts_recur,
    read_list,
    recurring_separator,
    split_output,
)
from foreword.domain.labels.spelling import meaning_key, spelling_key
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import LabelSpace, Task

# Labels such as R&D or A/B contain the other usual separators.
_CERTAIN_SEPARATORS: Final = (";", "|", "\n")
_FEWEST_ROWS_OF_NONE: Final = 5
"""Number of rows from which on a label such as `None` is probably one of its own."""

Fixes = tuple[tuple[str, str | None], ...]
"""The code of each correction of an output and the output after it; None if its row is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFixes:
    """Corrections of the labels of a file.

    Attributes:
        by_output: The corrections of each output that has any.
    """

    by_output: Mapping[str, Fixes]

    @classmethod
    def of(cls, outputs: Counter[str], task: Task, options: TaskOptions, codes: Collection[str]) -> LabelFixes:
        """Return the corrections of outputs.

        There are none if the task has no closed set of answers or cannot read the labels.

        Args:
            outputs: Number of rows by output.
        """
        if not task.closed:
            return cls(by_output={})
        found: dict[str, Fixes] = dict.fromkeys(outputs, ())
        _unpack(found, options, codes)
        current = Counter[str]()
        for output, count in outputs.items():
            current[_now(output, found)] += count
        try:
            schema = task.fit(_rows(current), options)
        except InvalidArgumentError:  # the check of the corrected file reports it
            space = None
        else:
            space = task.label_space(schema)
        if space is not None:
            labels = _Labels.of(space, current, options, codes)
            for output, fixes in found.items():
                found[output] = (*fixes, *labels.fixes(_now(output, found)))
        return cls(by_output={output: fixes for output, fixes in found.items() if fixes})


def _now(output: str, found: Mapping[str, Fixes]) -> str:
    """Return an output after its corrections so far, none of which removes a row."""
    fixes = found[output]
    text = fixes[-1][1] if fixes else output
    assert text is not None
    return text


def _rows(outputs: Counter[str]) -> Iterator[Row]:
    for output, count in outputs.items():
        row = Row(number=1, input="-", output=output)
        for _ in range(count):
            yield row


def _unpack(found: dict[str, Fixes], options: TaskOptions, codes: Collection[str]) -> None:
    """Correct outputs that pack several labels into one text."""
    separator = options.separator or DEFAULT_SEPARATOR
    if LISTS_AS_TEXT in codes:
        for output in found:
            parts = [part for part in read_list(output) or () if part]
            if parts and not any(_mark(separator) in part for part in parts):
                found[output] = ((LISTS_AS_TEXT, separator.join(parts)),)
    distinct = {_now(output, found) for output in found}
    if OTHER_SEPARATOR not in codes or options.separator or parts_recur(distinct, separator):
        return
    other = recurring_separator(distinct)
    if other not in _CERTAIN_SEPARATORS or any(_mark(separator) in text for text in distinct):
        return
    for output, fixes in found.items():
        text = _now(output, found)
        joined = separator.join(split_output(text, other))
        if joined != text:
            found[output] = (*fixes, (OTHER_SEPARATOR, joined))


def _mark(separator: str) -> str:
    return separator.strip() or separator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    """How the labels of a file are written.

    Attributes:
        written: The most frequent spelling of a label by its spelling key.
        alike: The label that another one is merged into, by the other one.
        declared: Keys of labels that were given as an option, which are never missing values.
        own: Keys of labels such as `None` that are probably labels of their own, because several rows have them.
    """

    space: LabelSpace
    codes: Collection[str]
    written: Mapping[str, str]
    alike: Mapping[str, str]
    declared: Collection[str]
    own: Collection[str] = ()

    @classmethod
    def of(cls, space: LabelSpace, outputs: Counter[str], options: TaskOptions, codes: Collection[str]) -> _Labels:
        labels = cls(
            space=space,
            codes=codes,
            written={spelling_key(label): label for label in space.labels},
            alike={},
            declared={spelling_key(label) for label in options.labels},
        )
        counts = Counter[str]()
        for output, count in outputs.items():
            for key in {spelling_key(label) for label in labels._parts(output) if may_be_label(label)}:
                counts[key] += count
        own = {key for key, count in counts.items() if count >= _FEWEST_ROWS_OF_NONE}
        return replace(labels, own=own, alike=labels._merged(outputs) if LABELS_ALIKE in codes else {})

    def fixes(self, output: str) -> Iterator[tuple[str, str | None]]:
        """Yield the corrections of an output."""
        before = self._parts(output)
        for code, correct in (
            (LABEL_SPELLING, self._spelt),
            (LABELS_ALIKE, self._like),
            (LABEL_REPEATED, lambda labels: list(dict.fromkeys(labels))),
            (MISSING_VALUE_AS_LABEL, self._present),
            (NONE_AS_LABEL, self._named),
        ):
            after = correct(before) if code in self.codes else before
            if after != before:
                yield code, self.space.separator.join(after) if after else None
            if not after:
                return
            before = after

    def _parts(self, output: str) -> list[str]:
        if not self.space.multi_label or spelling_key(output) in self.written:
            return [output.strip()]
        return split_output(output, self.space.separator)

    def _spelt(self, labels: list[str]) -> list[str]:
        return [self.written.get(spelling_key(label), label) for label in labels]

    def _like(self, labels: list[str]) -> list[str]:
        return [self.alike.get(label, label) for label in labels]

    def _present(self, labels: list[str]) -> list[str]:
        return [label for label in labels if spelling_key(label) in self.own or not self._is_missing(label)]

    def _named(self, labels: list[str]) -> list[str]:
        return [label for label in labels if not self._is_missing(label)]

    def _is_missing(self, label: str) -> bool:
        return is_missing_value(label) and spelling_key(label) not in self.declared

    def _merged(self, outputs: Counter[str]) -> Mapping[str, str]:
        """Return the most frequent label of those that probably mean the same, by each of the others."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for output, count in outputs.items():
            for label in self._spelt(self._parts(output)):
                counts[meaning_key(label)][label] += count
        return {
            other: common
            for labels in counts.values()
            for common in [min(labels, key=lambda label: (-labels[label], label))]
            for other in labels
        }
