"""The answers that a closed task allows, as tokens."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from foreword.domain.experiment import MAX_LABEL_TOKENS
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.errors import InvalidArgumentError
from foreword.inference.labels.label_rows import LabelRows, build_rows
from foreword.inference.labels.label_trie import LabelTrie, build_tries
from foreword.plugin.interfaces import LabelSpace
from foreword.turns.cancellation import check_cancelled

MAX_SET_TOKENS: Final = 1_024
"""Tokens of a label set seen in training: one pass of the network reads it whole. Longer ones are left out."""

_CHARACTERS_PER_TOKEN: Final = 2
"""Few, so that the estimate before tokenizing is rather too high."""
_BATCH_TEXTS: Final = 256
_BATCH_CHARACTERS: Final = 65_536
"""Limits of the texts that are tokenized in one call, which nothing interrupts."""

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Returns the tokens of answers, the end token of each included."""


class Candidates:
    """The answers of a label space, as tokens: the label sets seen in training, and all single labels.

    All labels are candidates. Label sets are added in their order, the most frequent first, until MAX_LABEL_TOKENS is
    reached; the second pass of the scoring can still find those that are left out.

    Attributes:
        sets: The answers, in the order of `parts`.
        parts: The answers as the network reads them, one part in each pass.
        longest: Number of tokens in the longest answer of the first pass, including the end token.
        byte_size: Memory in bytes.

    Args:
        encode: Returns the tokens of answers.
        trees: Whether the network can read a tree.

    Raises:
        InvalidArgumentError: The labels have too many tokens (field `labels`).
        CancelledError: The caller has gone; see `check_cancelled`.
    """

    def __init__(self, space: LabelSpace, encode: Encode, *, trees: bool = True) -> None:
        check_label_characters(space)
        self.space = space
        self._order = {label: place for place, label in enumerate(space.labels)}
        self._encode = encode
        found = self._singles()
        self._add_sets(found)
        # Sorted, so that a tree shares as many beginnings as possible, and rows of one pass are about as long.
        sets = sorted(found, key=found.__getitem__ if trees else lambda labels: len(found[labels]))
        ids = [found[labels] for labels in sets]
        self.sets: list[tuple[str, ...]] = sets
        self.parts: Sequence[LabelTrie] | Sequence[LabelRows] = build_tries(ids) if trees else build_rows(ids)
        self._known = frozenset(sets)
        self._counts = array("i", map(len, ids))
        self.longest = max(self._counts)
        self.byte_size = self._measure()
        check_cancelled()

    @property
    def num_tokens(self) -> int:
        """Number of tokens that the first pass reads."""
        return sum(part.num_tokens for part in self.parts)

    def counts(self) -> dict[tuple[str, ...], int]:
        """Return the number of tokens in each answer, including the end token."""
        return dict(zip(self.sets, self._counts, strict=True))

    def text(self, labels: Sequence[str]) -> str:
        """Return the text of an answer whose labels are in canonical order."""
        return self.space.separator.join(labels)

    def ids(self, labels: tuple[str, ...]) -> list[int]:
        """Return the tokens of an answer, including the end token."""
        return self._encode([self.text(labels)])[0]

    def all_ids(self, answers: Sequence[tuple[str, ...]]) -> list[list[int]]:
        """Return the tokens of several answers, including the end token of each."""
        return self._encode([self.text(labels) for labels in answers]) if answers else []

    def extend(self, beam: Sequence[tuple[str, ...]], labels: Sequence[str] | None = None) -> Iterator[tuple[str, ...]]:
        """Yield new candidates: those of `beam` with one label more.

        Args:
            labels: The labels to add, the most promising first; None for all.
        """
        found = set[tuple[str, ...]]()
        for label in self.space.labels if labels is None else labels:
            for answer in beam:
                if label not in answer:
                    longer = tuple(sorted((*answer, label), key=self._order.__getitem__))
                    if longer not in self._known and longer not in found:
                        found.add(longer)
                        yield longer

    def _singles(self) -> dict[tuple[str, ...], list[int]]:
        """Return the tokens of the single labels."""
        found, total = dict[tuple[str, ...], list[int]](), 0
        for answers in _batches([(label,) for label in self.space.labels], self.text):
            check_cancelled()
            for answer, ids in zip(answers, self.all_ids(answers), strict=True):
                found[answer] = ids
                total += len(ids)
        if total > MAX_LABEL_TOKENS:
            raise _too_long(f"have {total:,} tokens together,")
        return found

    def _add_sets(self, found: dict[tuple[str, ...], list[int]]) -> None:
        """Add the label sets seen in training that fit."""
        canonical = (tuple(sorted(labels, key=self._order.__getitem__)) for labels in self.space.label_sets if labels)
        most = MAX_SET_TOKENS * MOST_CHARACTERS_PER_TOKEN
        fitting = (answer for answer in dict.fromkeys(canonical) if sum(map(len, answer)) <= most)
        left = MAX_LABEL_TOKENS - sum(map(len, found.values()))
        for answers in _batches([answer for answer in fitting if answer not in found], self.text):
            check_cancelled()
            for answer, ids in zip(answers, self.all_ids(answers), strict=True):
                if len(ids) > MAX_SET_TOKENS:
                    continue
                left -= len(ids)
                if left < 0:
                    return
                found[answer] = ids

    def _measure(self) -> int:
        texts = {*self.space.labels, *(label for labels in self.space.label_sets for label in labels)}
        objects = [*texts, *self.sets, *self.space.label_sets]
        containers = (self.sets, self._known, self._order, self.space.labels, self.space.label_sets, self._counts)
        return (
            sum(map(sys.getsizeof, objects))
            + sum(map(sys.getsizeof, containers))
            + sum(part.byte_size for part in self.parts)
        )


def check_label_characters(space: LabelSpace) -> None:
    """Refuse labels that cannot fit, before any time is spent on them.

    Raises:
        InvalidArgumentError: The labels have too many characters (field `labels`).
    """
    total = sum(map(len, space.labels))
    if total > MAX_LABEL_TOKENS * MOST_CHARACTERS_PER_TOKEN:
        raise _too_long(f"have {total:,} characters together, which make")


def estimate_label_tokens(space: LabelSpace) -> int:
    """Estimate the tokens of all answers without a tokenizer: rather too many, and at most half of what is allowed.

    Half of it, so that many labels may wait beside other requests until their tokens are counted.
    """
    most = MAX_LABEL_TOKENS // 2
    total = sum(len(label) // _CHARACTERS_PER_TOKEN + 2 for label in space.labels)
    for labels in space.label_sets:
        if total >= most:
            break
        if len(labels) > 1:
            total += (sum(map(len, labels)) + len(labels) * len(space.separator)) // _CHARACTERS_PER_TOKEN + 2
    return min(total, most)


def _too_long(problem: str) -> InvalidArgumentError:
    return InvalidArgumentError.of(
        "labels",
        f"{problem} more than the {MAX_LABEL_TOKENS:,} tokens that one request may score; use fewer or shorter labels",
        reason="LABELS_TOO_LONG",
    )


def _batches(
    answers: Sequence[tuple[str, ...]], text: Callable[[Sequence[str]], str]
) -> Iterator[list[tuple[str, ...]]]:
    """Yield parts of the answers that are small enough for one call of the tokenizer."""
    batch, characters = list[tuple[str, ...]](), 0
    for answer in answers:
        length = len(text(answer))
        if batch and (len(batch) == _BATCH_TEXTS or characters + length > _BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(answer)
        characters += length
    if batch:
        yield batch
