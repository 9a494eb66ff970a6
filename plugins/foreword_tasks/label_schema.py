"""The schema of a classification: its labels, and how texts are parsed into them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from foreword.domain.labels.packing import split_output
from foreword.domain.labels.spelling import spelling_key
from foreword.plugin.interfaces import LabelSpace, Schema

_LIST_SEPARATORS = re.compile(r"[,;/&\n]|\band\b", re.IGNORECASE)
_TRIMMED = " \t\r\n.!:*'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


@dataclass(frozen=True, kw_only=True)
class LabelSchema:
    """The labels of a classification.

    Attributes:
        labels: Labels in canonical order.
        label_sets: Label sets in the data, each in canonical order, the most frequent first.
        labels_declared: Whether the labels were given as an option, not read from the data.
        multi_label_declared: Whether `multi_label` was given as an option, not inferred from the data.
    """

    labels: tuple[str, ...]
    multi_label: bool
    separator: str
    label_sets: tuple[tuple[str, ...], ...]
    labels_declared: bool = False
    multi_label_declared: bool = False

    @classmethod
    def from_json(cls, schema: Schema) -> LabelSchema:
        """Create a schema from its stored form."""
        return cls(
            labels=tuple(schema["labels"]),
            multi_label=bool(schema["multi_label"]),
            separator=str(schema["separator"]),
            label_sets=tuple(tuple(labels) for labels in schema["label_sets"]),
            labels_declared=bool(schema.get("labels_declared", False)),
            multi_label_declared=bool(schema.get("multi_label_declared", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "labels": list(self.labels),
            "multi_label": self.multi_label,
            "separator": self.separator,
            "label_sets": [list(labels) for labels in self.label_sets],
            "labels_declared": self.labels_declared,
            "multi_label_declared": self.multi_label_declared,
        }

    @property
    def space(self) -> LabelSpace:
        """The set of possible answers."""
        return LabelSpace(
            labels=self.labels,
            separator=self.separator,
            multi_label=self.multi_label,
            label_sets=self.label_sets,
        )

    @cached_property
    def _by_key(self) -> Mapping[str, str]:
        return {spelling_key(label): label for label in self.labels}

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {label: place for place, label in enumerate(self.labels)}

    def place(self, label: str) -> int:
        """Return the place of a label in canonical order; that of an unknown label is the number of labels."""
        return self._places.get(label, len(self.labels))

    def in_order(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the distinct labels in canonical order, followed by unknown labels in alphabetical order."""
        return tuple(sorted(set(labels), key=lambda label: (self.place(label), label)))

    def written(self, output: str) -> list[str]:
        """Return the labels of an output in their original spelling and order."""
        if not self.multi_label or spelling_key(output) in self._by_key:
            return [output.strip()]
        return split_output(output, self.separator)

    def read(self, output: str) -> tuple[str, ...]:
        """Return the label set of a row's output in canonical order and spelling; unknown labels are unchanged."""
        return self.in_order(self._by_key.get(spelling_key(label), label) for label in self.written(output))

    def parse_answer(self, text: str) -> tuple[str, ...] | None:
        """Parse the label set from a model's free text.

        Case, order, quotes and list separators (`A, B and C.`) do not matter. Words before a colon (`Departments: A`)
        and lines after the first are ignored. A text that contains anything else is not an answer.

        Returns:
            The labels in canonical order, or None if the text is not an answer.
        """
        line = text.strip().partition("\n")[0]
        for candidate in (text, line, line.partition(":")[2]):
            labels = self._parse_list(candidate)
            if labels:
                return labels if self.multi_label or len(labels) == 1 else None
        return None

    def _parse_list(self, text: str) -> tuple[str, ...] | None:
        whole = self._by_key.get(spelling_key(text.strip(_TRIMMED)))
        if whole is not None:
            return (whole,)
        found: list[str] = []
        for part in split_output(text, self.separator):
            label = self._by_key.get(spelling_key(part.strip(_TRIMMED)))
            if label is not None:
                found.append(label)
                continue
            for piece in _LIST_SEPARATORS.split(part):
                key = spelling_key(piece.strip(_TRIMMED))
                if key and key not in self._by_key:
                    return None
                found += [self._by_key[key]] if key else []
        return self.in_order(found) if found else None
