"""Probabilities of a closed set of answers.

Every candidate (label sets seen in training and all single labels) is a path in a tree that the decoder reads in one
pass: each node sees the nodes above it and stands at the position of its depth. Models whose positions cannot be given
per token read each candidate as a row of its own; the numbers are the same.

Where an answer may hold several labels, a second pass scores the likeliest candidates with one label more. The first
pass already gives an upper bound for each of these (the probability of its beginning), so it is skipped when none can
matter, which is the rule for confident answers. It leaves out what would reach beyond the context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.flat_pass import FlatPass
from foreword.inference.labels.label_trie import LabelTrie
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.labels.tree_pass import TreePass
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.network import Network, NetworkInput

BEAM: Final = 4
"""Candidates that the second pass extends."""
MAX_EXTENSIONS: Final = 24
"""Candidates that it adds at most."""
NEGLIGIBLE: Final = math.log(1000)
"""Distance in nats below the best candidate from which a candidate is not worth a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One input whose answers are scored."""

    ids: Sequence[int]
    candidates: Candidates
    adapter: LoadedAdapter | None = None


def score(network: Network, rows: Sequence[ScoreRow]) -> list[ScoredSets]:
    """Score the answers of every row. Call inside `torch.inference_mode`."""
    sequences, ids_BT, valid_BT = network.begin([NetworkInput(ids=row.ids, adapter=row.adapter) for row in rows])
    found: list[dict[tuple[str, ...], float]] = [{} for _ in rows]
    more: list[dict[tuple[str, ...], list[int]]]
    room = [network.context_room(row.adapter).longest_scored_answer(input_tokens=len(row.ids)) for row in rows]
    if network.can_branch:
        pass_ = TreePass(network, sequences, ids_BT, valid_BT)
        rounds = max(len(row.candidates.tries) for row in rows)
        for number in range(rounds):
            _gather(rows, found, pass_.run([_trie_at(row.candidates, number) for row in rows]), number)
        more = [
            _extensions(row, scores, pass_, place, max_tokens=room[place], single=rounds == 1)
            for place, (row, scores) in enumerate(zip(rows, found, strict=True))
        ]
        if any(more):
            tries = [LabelTrie(list(new.values())) if new else None for new in more]
            for scores, new, log_probs in zip(found, more, pass_.run(tries), strict=True):
                scores.update(zip(new, log_probs, strict=True))
    else:
        flat = FlatPass(network, sequences, ids_BT, valid_BT)
        more = [{labels: row.candidates.ids(labels) for labels in row.candidates.sets} for row in rows]
        for second in (False, True):
            scored = flat.run([list(new.values()) for new in more])
            for scores, new, log_probs in zip(found, more, scored, strict=True):
                scores.update(zip(new, log_probs, strict=True))
            if second:
                break
            more = [
                dict(islice(_longer(row.candidates, scores, BEAM // 2, max_tokens=left), MAX_EXTENSIONS))
                for row, scores, left in zip(rows, found, room, strict=True)
            ]
    return [_ordered(row.candidates, scores) for row, scores in zip(rows, found, strict=True)]


def _trie_at(candidates: Candidates, number: int) -> LabelTrie | None:
    return candidates.tries[number] if number < len(candidates.tries) else None


def _gather(
    rows: Sequence[ScoreRow], found: list[dict[tuple[str, ...], float]], scored: list[list[float]], number: int
) -> None:
    """Note the scores of the candidates in the tree of this number."""
    for row, scores, log_probs in zip(rows, found, scored, strict=True):
        tries = row.candidates.tries
        start = sum(trie.size for trie in tries[:number])
        scores.update(zip(row.candidates.sets[start : start + len(log_probs)], log_probs, strict=True))


def _extensions(
    row: ScoreRow,
    scores: dict[tuple[str, ...], float],
    pass_: TreePass,
    place: int,
    *,
    max_tokens: int,
    single: bool,
) -> dict[tuple[str, ...], list[int]]:
    """Choose the candidates that a second pass scores, and return their tokens."""
    longer = _longer(row.candidates, scores, BEAM, max_tokens=max_tokens)
    if not single:
        return dict(islice(longer, MAX_EXTENSIONS))
    new = dict(longer)
    if not new:
        return new
    bounds = pass_.bounds(place, list(new.values()))
    worth = max(scores.values()) - NEGLIGIBLE
    hopeful = sorted(((bound, item) for bound, item in zip(bounds, new, strict=True) if bound > worth), reverse=True)
    return {item: new[item] for _, item in hopeful[:MAX_EXTENSIONS]}


def _longer(
    candidates: Candidates, scores: dict[tuple[str, ...], float], count: int, *, max_tokens: int
) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Return the best candidates with one more label, and their tokens, at most `max_tokens` of them."""
    if not candidates.space.multi_label:
        return
    for labels in candidates.extend(_best(scores, count)):
        ids = candidates.ids(labels)
        if len(ids) <= max_tokens:
            yield labels, ids


def _best(scores: dict[tuple[str, ...], float], count: int) -> list[tuple[str, ...]]:
    return sorted(scores, key=scores.__getitem__, reverse=True)[:count]


def _ordered(candidates: Candidates, scores: dict[tuple[str, ...], float]) -> ScoredSets:
    """Return the answers of a row, likeliest first."""
    sets = _best(scores, len(scores))
    return ScoredSets(
        space=candidates.space,
        sets=tuple(sets),
        log_probs=tuple(scores[labels] for labels in sets),
        token_counts=tuple(len(candidates.ids(labels)) for labels in sets),
    )
