"""Probabilities of a closed set of answers.

Every candidate (label sets seen in training and all single labels) is a path in a tree that the decoder reads in one
pass: each node sees the nodes above it and stands at the position of its depth. Models whose positions cannot be given
per token read each candidate as a row of its own; the numbers are the same.

Where an answer may hold several labels, a second pass scores the likeliest candidates with one label more. The first
pass already tells an upper bound for each of these (the probability of its beginning), so it is skipped when none can
matter, which is the rule for confident answers. It leaves out what would reach beyond the context.

Legend: B rows, C candidates, E edges, L edges of the longest candidate, N nodes without the root, T tokens fed at once,
V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from foreword.domain.inference import Classification, GenerateParameters, LabelSet, TokenUsage
from foreword.errors import ArtifactError
from foreword.inference.decoding.sampling import sample
from foreword.inference.labels.label_trie import LabelTrie, build_tries
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.networks import Network, NetworkInput
from foreword.inference.model.prefill import feed_first, scoring_room
from foreword.inference.model.sequences import Sequences
from foreword.plugin.interfaces import LabelSpace

BEAM: Final = 4
"""Candidates that the second pass extends."""
MAX_EXTENSIONS: Final = 24
"""Candidates that it adds at most."""
NEGLIGIBLE: Final = math.log(1000)
"""A candidate this much (in nats) less likely than the best one is not worth a pass."""
_FLAT_ROWS: Final = 64
"""Rows at a time where each candidate is a row."""

Encode = Callable[[str], list[int]]


class Candidates:
    """The answers of a label space, as tokens; made once and kept.

    Attributes:
        longest: Tokens of the longest answer of the first pass, end token included.
    """

    def __init__(self, space: LabelSpace, encode: Encode) -> None:
        order = {label: place for place, label in enumerate(space.labels)}
        singles = [(label,) for label in space.labels]
        seen = [tuple(sorted(labels, key=order.__getitem__)) for labels in space.label_sets if labels]
        self.space = space
        self.sets: list[tuple[str, ...]] = list(dict.fromkeys([*seen, *singles]))
        self._known = frozenset(self.sets)
        self._order = order
        self._encode = encode
        self._ids = {labels: encode(space.text(labels)) for labels in self.sets}
        self.tries = build_tries([self._ids[labels] for labels in self.sets])
        self.longest = max(map(len, self._ids.values()))

    def ids(self, labels: tuple[str, ...]) -> list[int]:
        """Tokens of an answer, the end token included."""
        found = self._ids.get(labels)
        return self._encode(self.space.text(labels)) if found is None else found

    def extend(self, beam: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """New candidates: those of `beam` with one label more."""
        found: dict[tuple[str, ...], None] = {}
        for labels in beam:
            for label in self.space.labels:
                if label not in labels:
                    longer = tuple(sorted((*labels, label), key=self._order.__getitem__))
                    if longer not in self._known:
                        found[longer] = None
        return list(found)

    @property
    def num_tokens(self) -> int:
        """Tokens that the first pass reads."""
        return sum(len(trie) + 1 for trie in self.tries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One input whose answers are scored."""

    ids: Sequence[int]
    candidates: Candidates
    adapter: LoadedAdapter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSets:
    """Answers of one row, likeliest first.

    Attributes:
        log_probs: Log-probability of each answer as a whole, end token included, in nats.
        token_counts: Tokens of each answer, end token included.
    """

    space: LabelSpace
    sets: tuple[tuple[str, ...], ...]
    log_probs: tuple[float, ...]
    token_counts: tuple[int, ...]

    def check(self) -> None:
        """Raises ArtifactError when the adapter made numbers that are not finite."""
        if not all(map(math.isfinite, self.log_probs)):
            raise ArtifactError(
                "The tuned model makes the base model overflow; it cannot be used. Tune again with a smaller learning "
                "rate.",
                reason="ARTIFACT_OVERFLOWS",
            )

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Share of each answer in the probability of all that were scored."""
        shares: list[float] = torch.tensor(self.log_probs, dtype=torch.float64).softmax(dim=0).tolist()
        return tuple(shares)

    def choose(self, parameters: GenerateParameters) -> int:
        """Place of the answer: the likeliest, or one drawn with the request's seed."""
        if not parameters.sample:
            return 0
        chosen = sample(
            torch.tensor([self.log_probs]),
            temperature_B=torch.tensor([parameters.temperature]),
            top_k_B=torch.tensor([parameters.top_k]),
            top_p_B=torch.tensor([parameters.top_p]),
            seed_B=torch.tensor([parameters.seed]),
            count_B=torch.tensor([0]),
        )
        return int(chosen)

    def text(self, place: int) -> str:
        """The answer as text."""
        return self.space.text(self.sets[place])

    def classification(self, *, input_tokens: int, soft_prompt_tokens: int) -> Classification:
        """The answers with their probabilities, and each label's."""
        shares = self.probabilities
        labels = dict.fromkeys(self.space.labels, 0.0)
        for names, share in zip(self.sets, shares, strict=True):
            for name in names:
                labels[name] += share
        return Classification(
            label_sets=tuple(
                LabelSet(labels=names, probability=share) for names, share in zip(self.sets, shares, strict=True)
            ),
            label_probabilities={name: min(share, 1.0) for name, share in labels.items()},
            usage=TokenUsage(
                input_tokens=input_tokens,
                generated_tokens=self.token_counts[0],
                soft_prompt_tokens=soft_prompt_tokens,
            ),
        )


def score(network: Network, rows: Sequence[ScoreRow]) -> list[ScoredSets]:
    """Scores the answers of every row. Call inside `torch.inference_mode`."""
    sequences, ids_BT, valid_BT = network.begin([NetworkInput(ids=row.ids, adapter=row.adapter) for row in rows])
    found: list[dict[tuple[str, ...], float]] = [{} for _ in rows]
    more: list[dict[tuple[str, ...], list[int]]]
    room = [scoring_room(network, len(row.ids), row.adapter) for row in rows]
    if network.can_branch:
        pass_ = _TreePass(network, sequences, ids_BT, valid_BT)
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
        flat = _FlatPass(network, sequences, ids_BT, valid_BT)
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


class _TreePass:
    """Passes over trees of candidates, all from the same beginning."""

    def __init__(self, network: Network, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor) -> None:
        self._network = network
        self._sequences = sequences
        self._first: tuple[Tensor, Tensor] | None = (ids_BT, valid_BT)
        self._root_B1V: Tensor | None = None
        self._log_probs_BNV: Tensor | None = None
        self._tries: list[LabelTrie | None] = []

    def run(self, tries: Sequence[LabelTrie | None]) -> list[list[float]]:
        """Log-probabilities of the candidates of each row's tree; empty where there is none."""
        device = self._network.device
        nodes = max(len(trie) if trie else 0 for trie in tries)
        ids_BN = torch.zeros(len(tries), nodes, dtype=torch.long)
        depth_BN = torch.zeros_like(ids_BN)
        visible_BNN = torch.zeros(len(tries), nodes, nodes, dtype=torch.bool)
        for place, trie in enumerate(tries):
            if trie and len(trie):
                ids_BN[place, : len(trie)] = trie.ids_N
                depth_BN[place, : len(trie)] = trie.depth_N
                visible_BNN[place, : len(trie), : len(trie)] = trie.visible_NN
        ids_BN, depth_BN, visible_BNN = ids_BN.to(device), depth_BN.to(device), visible_BNN.to(device)
        log_probs_BNV = self._feed(ids_BN, depth_BN, visible_BNN).float().log_softmax(dim=-1)
        self._sequences.drop_last(nodes)
        self._tries = list(tries)
        self._log_probs_BNV = log_probs_BNV
        return [
            [] if trie is None else _path_sums(trie, self._edges(place, trie)).tolist()
            for place, trie in enumerate(tries)
        ]

    def bounds(self, place: int, sequences: Sequence[Sequence[int]]) -> list[float]:
        """The most that sequences of a row can reach: the probability of their beginnings in the last tree."""
        trie = self._tries[place]
        assert trie is not None
        assert self._log_probs_BNV is not None
        left = [trie.leave(sequence) for sequence in sequences]
        nodes = torch.tensor([node for node, _ in left])
        tokens = torch.tensor([token for _, token in left])
        edges_E = self._edges(place, trie)
        # A node's own probability is that of all edges on the way to it.
        reach_N = trie.visible_NN.to(edges_E.dtype) @ edges_E[trie.node_edge_N]
        reach = torch.cat([reach_N.new_zeros(1), reach_N])[nodes]
        beyond = self._log_probs_BNV[place].cpu()[nodes, tokens].double()
        bounds: list[float] = (reach + beyond).tolist()
        return bounds

    def _edges(self, place: int, trie: LabelTrie) -> Tensor:
        """Log-probability of each edge of a row's tree, on the CPU in fp64."""
        assert self._log_probs_BNV is not None
        device = self._log_probs_BNV.device
        nodes, tokens = trie.edge_node_E.to(device), trie.edge_token_E.to(device)
        return self._log_probs_BNV[place, nodes, tokens].double().cpu()

    def _feed(self, ids_BN: Tensor, depth_BN: Tensor, visible_BNN: Tensor) -> Tensor:
        """Logits of root and nodes. The first pass also reads what is in front, and keeps the root's."""
        network, nodes = self._network, ids_BN.shape[1]
        if self._first is None:
            assert self._root_B1V is not None
            if not nodes:
                return self._root_B1V
            valid_BN = torch.ones_like(ids_BN, dtype=torch.bool)
            # Depth 1 is the position right after what was read so far.
            logits_BNV = network.feed_many(
                self._sequences, ids_BN, valid_BN, visible_BTT=visible_BNN, depth_BT=depth_BN - 1, keep=nodes
            )
            return torch.cat([self._root_B1V, logits_BNV], dim=1)
        (ids_BT, valid_BT), self._first = self._first, None
        rows, num_tokens = ids_BT.shape
        total = num_tokens + nodes
        length_B1 = valid_BT.sum(dim=1, keepdim=True)
        visible_BXX = torch.zeros(rows, total, total, dtype=torch.bool, device=ids_BT.device)
        causal_TT = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=ids_BT.device).tril()
        visible_BXX[:, :num_tokens, :num_tokens] = causal_TT & valid_BT[:, None]
        visible_BXX[:, num_tokens:, :num_tokens] = valid_BT[:, None]
        visible_BXX[:, num_tokens:, num_tokens:] = visible_BNN
        logits_BXV = network.feed_many(
            self._sequences,
            torch.cat([ids_BT, ids_BN], dim=1),
            torch.cat([valid_BT, torch.ones_like(ids_BN, dtype=torch.bool)], dim=1),
            visible_BTT=visible_BXX,
            depth_BT=torch.cat([(valid_BT.cumsum(dim=1) - 1).clamp(min=0), length_B1 + depth_BN - 1], dim=1),
            keep=nodes + 1,
        )
        self._sequences.length_B = self._sequences.length_B + length_B1.squeeze(1)
        self._root_B1V = logits_BXV[:, :1]
        return logits_BXV


class _FlatPass:
    """Passes with a row for each candidate."""

    def __init__(self, network: Network, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor) -> None:
        self._network = network
        self._sequences = sequences
        self._root_BV = feed_first(network, sequences, ids_BT, valid_BT)[:, -1].float().log_softmax(dim=-1)

    def run(self, candidates: Sequence[Sequence[Sequence[int]]]) -> list[list[float]]:
        """Log-probabilities of each row's candidates."""
        device = self._network.device
        flat = [(row, ids) for row, items in enumerate(candidates) for ids in items]
        found: list[list[float]] = [[] for _ in candidates]
        for start in range(0, len(flat), _FLAT_ROWS):
            part = flat[start : start + _FLAT_ROWS]
            rows_B = torch.tensor([row for row, _ in part], device=device)
            targets_BL = pad_sequence([torch.tensor(ids) for _, ids in part], batch_first=True).to(device)
            counts_B = torch.tensor([len(ids) for _, ids in part], device=device)
            log_probs_BL = self._targets(rows_B, targets_BL)
            kept_BL = torch.arange(targets_BL.shape[1], device=device) < counts_B[:, None]
            sums = log_probs_BL.double().masked_fill(~kept_BL, 0).sum(dim=1).tolist()
            for (row, _), value in zip(part, sums, strict=True):
                found[row].append(value)
        return found

    def _targets(self, rows_B: Tensor, targets_BL: Tensor) -> Tensor:
        """Log-probability of each target token given those before it."""
        root_BV = self._root_BV[rows_B]
        first_B1 = root_BV.gather(1, targets_BL[:, :1])
        length = targets_BL.shape[1] - 1
        if not length:
            return first_B1
        branch = self._sequences.picked(rows_B)
        inputs_BT = targets_BL[:, :-1]
        valid_BT = torch.ones_like(inputs_BT, dtype=torch.bool)
        causal_TT = torch.ones(length, length, dtype=torch.bool, device=inputs_BT.device).tril()
        logits_BTV = self._network.feed_many(
            branch,
            inputs_BT,
            valid_BT,
            visible_BTT=causal_TT.expand(len(inputs_BT), -1, -1),
            depth_BT=torch.arange(length, device=inputs_BT.device).expand(len(inputs_BT), -1),
            keep=length,
        )
        rest_BT = logits_BTV.float().log_softmax(dim=-1).gather(2, targets_BL[:, 1:, None]).squeeze(2)
        return torch.cat([first_B1, rest_BT], dim=1)


def _trie_at(candidates: Candidates, number: int) -> LabelTrie | None:
    return candidates.tries[number] if number < len(candidates.tries) else None


def _path_sums(trie: LabelTrie, edges_E: Tensor) -> Tensor:
    """Log-probability of each candidate: the sum over its edges."""
    return torch.cat([edges_E, edges_E.new_zeros(1)])[trie.path_CL].sum(dim=1)


def _gather(
    rows: Sequence[ScoreRow], found: list[dict[tuple[str, ...], float]], scored: list[list[float]], number: int
) -> None:
    """Notes what the tree of this number told."""
    for row, scores, log_probs in zip(rows, found, scored, strict=True):
        tries = row.candidates.tries
        start = sum(trie.size for trie in tries[:number])
        scores.update(zip(row.candidates.sets[start : start + len(log_probs)], log_probs, strict=True))


def _extensions(
    row: ScoreRow,
    scores: dict[tuple[str, ...], float],
    pass_: _TreePass,
    place: int,
    *,
    max_tokens: int,
    single: bool,
) -> dict[tuple[str, ...], list[int]]:
    """Candidates that a second pass should score, and their tokens."""
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
    """The best candidates with one label more and their tokens, of which there may be `max_tokens`."""
    if not candidates.space.multi_label:
        return
    for labels in candidates.extend(_best(scores, count)):
        ids = candidates.ids(labels)
        if len(ids) <= max_tokens:
            yield labels, ids


def _best(scores: dict[tuple[str, ...], float], count: int) -> list[tuple[str, ...]]:
    return sorted(scores, key=scores.__getitem__, reverse=True)[:count]


def _ordered(candidates: Candidates, scores: dict[tuple[str, ...], float]) -> ScoredSets:
    """The answers of a row, likeliest first."""
    sets = _best(scores, len(scores))
    return ScoredSets(
        space=candidates.space,
        sets=tuple(sets),
        log_probs=tuple(scores[labels] for labels in sets),
        token_counts=tuple(len(candidates.ids(labels)) for labels in sets),
    )
