"""People's judgements as rows, split into training and evaluation rows.

Three kinds of judgement count: a correction, a decision in review, and a complaint that a department accepted as
routed. The last kind avoids a biased evaluation, because corrections alone are the current model's mistakes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foreword_slack.words import input_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A redacted complaint and its right labels according to people."""

    input: str
    labels: tuple[str, ...]

    @property
    def key(self) -> str:
        """The identity of an example: the words of its input."""
        return input_key(self.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An example and the person who gave it. `confirmed`: a department accepted the model's answer."""

    example: Example
    actor: str
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Training rows and evaluation rows; no input is in both.

    Attributes:
        refused: Number of judgements left out because their author had reached the maximum.
    """

    training: tuple[Example, ...]
    held_out: tuple[Example, ...]
    refused: int = 0


def split(
    judgements: Sequence[Judgement],
    base: Iterable[Example],
    *,
    held_out: Iterable[Example] = (),
    held_out_share: float,
    most_per_corrector: int,
) -> Split:
    """Split judgements into the next training set and the rows that neither model was trained on.

    Only the words of a judged complaint determine whether it is held out, so it never changes sides. A judgement
    replaces a base row with the same input, and a later judgement replaces an earlier one.

    Args:
        judgements: Judgements of people, oldest first.
        base: Training rows of the current model; all are used for training again, none for evaluation.
        held_out: Rows to evaluate with in addition.
        held_out_share: Share of judged complaints that is held out, in (0, 1).
        most_per_corrector: Maximum number of one person's corrections, the newest of them.
    """
    training = {example.key: example for example in base}
    seen = set(training)
    measured = {example.key: example for example in held_out if example.key not in seen}
    allowed, refused = _bounded(judgements, most_per_corrector)
    for judgement in allowed:
        example = judgement.example
        fresh = example.key not in seen and is_held_out(example.key, held_out_share)
        if fresh or example.key in measured:
            measured[example.key] = example
        elif example.labels:  # "no department" cannot be a training row, but it can be evaluated
            training[example.key] = example
        else:
            training.pop(example.key, None)
    return Split(training=tuple(training.values()), held_out=tuple(measured.values()), refused=refused)


def is_held_out(key: str, share: float) -> bool:
    """Return whether a complaint is held out for evaluation."""
    return int.from_bytes(hashlib.sha256(f"held out:{key}".encode()).digest()[:8], "big") < share * 2**64


def _bounded(judgements: Sequence[Judgement], most: int) -> tuple[list[Judgement], int]:
    """Keep the newest judgements of each person up to the maximum; confirmations do not count."""
    counts: Counter[str] = Counter()
    kept = []
    for judgement in reversed(judgements):
        if not judgement.confirmed:
            counts[judgement.actor] += 1
            if counts[judgement.actor] > most:
                continue
        kept.append(judgement)
    kept.reverse()
    return kept, len(judgements) - len(kept)
