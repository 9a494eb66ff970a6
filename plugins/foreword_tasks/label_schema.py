"""What a classification knows of its labels, and how texts are read with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from foreword.plugin.interfaces import LabelSpace, Schema

DEFAULT_SEPARATOR = ", "

_JOINTS = re.compile(r"[,;/&\n]|\band\b", re.IGNORECASE)
_TRIMMINGS = " \t\r\n.!:*'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


def spelling_key(label: str) -> str:
    """The same for labels that differ by case or spaces only."""
    return " ".join(label.split()).casefold()


def split_output(output: str, separator: str) -> list[str]:
    """The labels of one output as they are written; `A,B` and `A , B` count as `A, B`."""
    parts = [part.strip() for part in output.split(separator.strip() or separator)]
    return [part for part in parts if part] or [output.strip()]


@dataclass(frozen=True, kw_only=True)
class LabelSchema:
    """The labels of a classification.

    Attributes:
        labels: In canonical order.
        label_sets: Those seen in the data, each in canonical order, the most frequent first.
        labels_declared: Whether the labels were given, not read from the data.
        multi_label_declared: Whether `multi_label` was given, not decided from the data.
    """

    labels: tuple[str, ...]
    multi_label: bool
    separator: str
    label_sets: tuple[tuple[str, ...], ...]
    labels_declared: bool = False
    multi_label_declared: bool = False

    @classmethod
    def from_json(cls, schema: Schema) -> LabelSchema:
        """Reads the stored form."""
        return cls(
            labels=tuple(schema["labels"]),
            multi_label=bool(schema["multi_label"]),
            separator=str(schema["separator"]),
            label_sets=tuple(tuple(labels) for labels in schema["label_sets"]),
            labels_declared=bool(schema.get("labels_declared", False)),
            multi_label_declared=bool(schema.get("multi_label_declared", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
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
        """The closed set of answers."""
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

    def in_order(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Distinct labels in canonical order; unknown ones behind, in the alphabet's."""
        return tuple(sorted(set(labels), key=lambda label: (self._places.get(label, len(self.labels)), label)))

    def written(self, output: str) -> list[str]:
        """The labels of an output as they are written, in the order in which they are written."""
        if not self.multi_label or spelling_key(output) in self._by_key:
            return [output.strip()]
        return split_output(output, self.separator)

    def read(self, output: str) -> tuple[str, ...]:
        """The label set of a row's output, in canonical order and spelling; unknown labels stay as they are."""
        return self.in_order(self._by_key.get(spelling_key(label), label) for label in self.written(output))

    def parse_answer(self, text: str) -> tuple[str, ...] | None:
        """The label set that a model's free text gives, in canonical order.

        Case, order, quotes and the joints of a list (`A, B and C.`) do not matter, nor do words before a colon
        (`Departments: A`) or lines behind the first. A text that holds anything but labels is no answer.

        Returns:
            The labels, or None for no answer.
        """
        line = text.strip().partition("\n")[0]
        for candidate in (text, line, line.partition(":")[2]):
            labels = self._parse_list(candidate)
            if labels:
                return labels if self.multi_label or len(labels) == 1 else None
        return None

    def _parse_list(self, text: str) -> tuple[str, ...] | None:
        whole = self._by_key.get(spelling_key(text.strip(_TRIMMINGS)))
        if whole is not None:
            return (whole,)
        found: list[str] = []
        for part in split_output(text, self.separator):
            label = self._by_key.get(spelling_key(part.strip(_TRIMMINGS)))
            if label is not None:
                found.append(label)
                continue
            for piece in _JOINTS.split(part):
                key = spelling_key(piece.strip(_TRIMMINGS))
                if key and key not in self._by_key:
                    return None
                found += [self._by_key[key]] if key else []
        return self.in_order(found) if found else None
