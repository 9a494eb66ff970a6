"""The labels that a request names, to choose from, and those that an answer names."""

from __future__ import annotations

from typing import Final

from foreword.domain.label_options import LabelOptions
from foreword.plugin.interfaces import LabelSpace

SEPARATOR: Final = ", "
"""Text between the labels of an answer."""


def named_labels(options: LabelOptions) -> LabelSpace | None:
    """Return the labels that a request names; None if it names none."""
    if not options.labels:
        return None
    return LabelSpace(labels=options.labels, separator=SEPARATOR, multi_label=options.multi_label, label_sets=())


def labels_in(text: str, space: LabelSpace) -> tuple[str, ...] | None:
    """Return the labels of an answer that was chosen from a closed set, in its order; None if it was not."""
    if text in space.labels:
        return (text,)
    labels = tuple(text.split(space.separator)) if text else ()
    return labels if labels and set(labels) <= set(space.labels) else None
