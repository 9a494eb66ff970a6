"""Probabilities of a closed set of answers.

Every candidate (label sets seen in training and all single labels) is a path in a tree that the decoder reads in one
pass: each node sees the nodes above it and stands at the position of its depth. Models whose positions cannot be given
per token read each candidate as a row of its own; the numbers are the same. Many or long candidates are spread over
several trees, with a pass for each. All passes continue from the keys and values of the input, which is read once.

Where an answer may hold several labels, a second pass scores the likeliest candidates with one label more. The first
pass already gives an upper bound for all of them together (what the scored answers leave of 1) and for each (the
probability of its beginning), so it is skipped when none can matter, which is the rule for confident answers. It leaves
out what would reach beyond the context.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.extensions import BEAM, choose_extensions
from foreword.inference.labels.flat_pass import FlatPass
from foreword.inference.labels.label_rows import LabelRows, build_rows
from foreword.inference.labels.label_trie import LabelTrie, build_tries
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.labels.tree_pass import TreePass
from foreword.inference.model.decoding_network import DecodingNetwork, NetworkInput
from foreword.inference.model.loaded_adapter import LoadedAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One input whose answers are scored."""

    ids: Sequence[int]
    candidates: Candidates
    adapter: LoadedAdapter | None = None

    @property
    def input_tokens(self) -> int:
        """Number of tokens in front of the answers, including the soft prompt."""
        return len(self.ids) + (self.adapter.length if self.adapter else 0)

    @property
    def first_tokens(self) -> int:
        """Number of tokens of the first pass, which also reads the input."""
        return self.input_tokens + self.candidates.parts[0].num_tokens


@dataclass(eq=False, slots=True)
class _Progress:
    """The scores of a row so far, and the candidates that are left.

    Attributes:
        counts: Number of tokens in each answer that the second pass adds.
    """

    row: ScoreRow
    left: deque[tuple[LabelTrie | LabelRows, Sequence[tuple[str, ...]]]] = field(default_factory=deque)
    counts: dict[tuple[str, ...], int] = field(default_factory=dict)
    log_probs: dict[tuple[str, ...], float] = field(default_factory=dict)
    extended: bool = False

    @classmethod
    def of(cls, row: ScoreRow) -> _Progress:
        """Return the progress of a row that is not begun."""
        progress = cls(row)
        progress.add(row.candidates.parts, row.candidates.sets)
        return progress

    def add(self, parts: Sequence[LabelTrie] | Sequence[LabelRows], sets: Sequence[tuple[str, ...]]) -> None:
        """Add candidates to score."""
        start = 0
        for part in parts:
            self.left.append((part, sets[start : start + part.size]))
            start += part.size


class Scoring:
    """The scoring of some rows, one pass of the network after the other. Use it inside `torch.inference_mode`.

    All rows are begun together. After that each pass concerns the rows that the caller chooses, so that others wait.
    """

    def __init__(self, network: DecodingNetwork, rows: Sequence[ScoreRow]) -> None:
        self._network = network
        self._rows = [_Progress.of(row) for row in rows]
        # Either kind of pass, which takes the parts that candidates have for this network.
        self._pass: Any = None

    def next_tokens(self, place: int) -> int:
        """Return the number of tokens that the next pass reads for a row; 0 if the row is finished."""
        progress = self._rows[place]
        if not progress.left:
            return 0
        return progress.left[0][0].num_tokens + (progress.row.input_tokens if self._pass is None else 0)

    def left_passes(self, place: int) -> int:
        """Return the number of passes known so far that a row still needs."""
        return len(self._rows[place].left)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    @property
    def unfinished(self) -> list[int]:
        """The places of the rows that need another pass."""
        return [place for place in range(len(self._rows)) if self.next_tokens(place)]

    def run(self, places: Sequence[int]) -> None:
        """Run one pass for rows that are not finished: for all rows the first time.

        Args:
            places: Places of rows, in ascending order.
        """
        if self._pass is None:
            assert len(places) == len(self._rows)
            self._pass = self._begin()
        taken = [self._rows[place].left.popleft() for place in places]
        for place, (_, sets), log_probs in zip(
            places, taken, self._pass.run(places, [part for part, _ in taken]), strict=True
        ):
            progress = self._rows[place]
            progress.log_probs.update(zip(sets, log_probs, strict=True))
            if not progress.left and not progress.extended:
                progress.extended = True
                self._extend(place)
        if isinstance(self._pass, TreePass):
            self._pass.forget()

    def scored(self, place: int) -> ScoredSets:
        """Return the answers of a finished row, likeliest first."""
        progress = self._rows[place]
        ranked = sorted(progress.log_probs, key=progress.log_probs.__getitem__, reverse=True)
        counts = {**progress.row.candidates.counts(), **progress.counts}
        return ScoredSets(
            space=progress.row.candidates.space,
            sets=tuple(ranked),
            log_probs=tuple(progress.log_probs[labels] for labels in ranked),
            token_counts=tuple(counts[labels] for labels in ranked),
        )

    def _begin(self) -> TreePass | FlatPass:
        """Begin all rows."""
        inputs = [NetworkInput(ids=item.row.ids, adapter=item.row.adapter) for item in self._rows]
        sequences, ids_BT, valid_BT = self._network.begin(inputs)
        kind = TreePass if self._network.can_branch else FlatPass
        return kind(self._network, sequences, ids_BT, valid_BT)

    def _extend(self, place: int) -> None:
        """Add the candidates of the second pass to a row whose first pass is done."""
        progress, network = self._rows[place], self._network
        row = progress.row
        room = network.context_room(row.adapter).longest_scored_answer(input_tokens=len(row.ids))
        one_tree = network.can_branch and len(row.candidates.parts) == 1
        new = choose_extensions(
            row.candidates,
            progress.log_probs,
            beam=BEAM if network.can_branch else BEAM // 2,
            max_tokens=room,
            bounds=partial(self._pass.bounds, place) if one_tree else None,
        )
        if not new:
            return
        answers = sorted(new, key=new.__getitem__)
        ids = [new[answer] for answer in answers]
        progress.counts.update((answer, len(tokens)) for answer, tokens in new.items())
        progress.add(build_tries(ids) if network.can_branch else build_rows(ids), answers)
