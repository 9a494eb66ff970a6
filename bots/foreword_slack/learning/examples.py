"""What people taught, as rows: which to learn from, and which to measure with.

Three kinds of judgement count: a correction, a decision in review, and a complaint that a department took as the model
had routed it. The last keeps the measurement honest: corrections alone are what the current model got wrong.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A complaint, redacted, and the labels that people say are right."""

    input: str
    labels: tuple[str, ...]

    @property
    def key(self) -> str:
        """What makes two examples the same: the words of the input."""
        return input_key(self.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An example with who gave it. `confirmed`: the model's own answer was taken; oldest judgements first in lists."""

    example: Example
    actor: str
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows to learn from and rows to measure with; no input is in both.

    Attributes:
        refused: Judgements left out because their corrector had given enough.
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
    """Makes the next training set and the rows that neither model has seen.

    Whether a judged complaint is held out depends on its words alone, so it never moves from one side to the other.
    A judgement takes the place of a base row with the same input, and a later one that of an earlier.

    Args:
        base: Rows that the current model learnt from; all of them are learnt from again, none is measured with.
        held_out: Rows to measure with whatever people judged.
        held_out_share: Share of judged complaints that is held out, in (0, 1).
        most_per_corrector: Corrections of one person that may be learnt from, the newest of them.
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
        elif example.labels:  # the service cannot learn "nobody", but it can be measured
            training[example.key] = example
        else:
            training.pop(example.key, None)
    return Split(training=tuple(training.values()), held_out=tuple(measured.values()), refused=refused)


def is_held_out(key: str, share: float) -> bool:
    """Whether a complaint is measured with and never learnt from."""
    return int.from_bytes(hashlib.sha256(f"held out:{key}".encode()).digest()[:8], "big") < share * 2**64


def input_key(text: str) -> str:
    """The words of an input, whatever the case, spaces and punctuation."""
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())


def _bounded(judgements: Sequence[Judgement], most: int) -> tuple[list[Judgement], int]:
    """Judgements without what a corrector gave beyond the bound: the newest of each stay. Confirmations are free."""
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
