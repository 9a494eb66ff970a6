"""The comparison of the labels in feedback with those of the model."""

from __future__ import annotations

from typing import Final

from foreword.domain.capture import RightAnswer
from foreword.domain.near_names import did_you_mean
from foreword.domain.violations import Violations
from foreword.inference.labels.named_labels import SEPARATOR
from foreword.plugin.interfaces import LabelSpace

_FIELD: Final = "feedback.right_labels.labels"
_MOST_SUGGESTIONS: Final = 3
"""Number of unknown labels for which a known one is suggested, which takes milliseconds for each."""


def check_right_answer(right: RightAnswer | None, space: LabelSpace | None, *, allow_new_labels: bool) -> None:
    """Check that a right answer can be one of a model.

    Args:
        space: The labels of the model; None if it has none, or is not known.
        allow_new_labels: Whether labels that the model does not have are accepted, and several for a model that chooses
            one.

    Raises:
        InvalidArgumentError: A label is not one of the model, or contains the text between labels; there are several
            labels, and the model chooses one; or the right answer is text, and the model chooses labels.
    """
    if right is None:
        return
    violations = Violations()
    if right.labels is not None:
        _check_labels(violations, right.labels, space, allow_new_labels=allow_new_labels)
    elif space is not None:
        violations.add(
            "feedback.right_output", "cannot be set for a model that chooses labels; set right_labels instead"
        )
    violations.check()


def _check_labels(
    violations: Violations, labels: tuple[str, ...], space: LabelSpace | None, *, allow_new_labels: bool
) -> None:
    separator = space.separator if space else SEPARATOR
    known = dict.fromkeys(space.labels if space else ())
    unknown = [(place, label) for place, label in enumerate(labels) if label not in known]
    for number, (place, label) in enumerate(unknown):
        if separator in label:
            violations.add(
                f"{_FIELD}[{place}]", f"must not hold {separator!r}, which separates labels; send each alone"
            )
        elif space is not None and not allow_new_labels:
            near = did_you_mean(label, known) if number < _MOST_SUGGESTIONS else ""
            violations.add(
                f"{_FIELD}[{place}]",
                f"{label[:80]!r} is no label of the model{near or '.'} Set allow_new_labels if the next is to learn it",
            )
    if space is not None and not space.multi_label and len(labels) > 1 and not allow_new_labels:
        violations.add(
            _FIELD,
            f"must hold one label, because the model chooses one, not {len(labels)}. Set allow_new_labels if the next "
            "is to choose several",
        )
