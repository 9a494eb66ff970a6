"""Short texts with the teacher's sentence vectors, and labels that stand for directions among them.

Shapes: N texts, L labels, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import torch
from torch import Tensor

from foreword_starter.training.corpus import Corpus
from foreword_starter.training.minilm import MiniLM

_ANCHORS: Final = 3
"""Texts whose mean is a label's direction."""
_HIGH: Final = 1.3
"""Standard deviations above the mean from which a label applies beside the best one."""
_MOST_LABELS: Final = 3
_LONGEST: Final = 240
"""Characters."""


class SentenceSpace:
    """Texts by source with their vectors.

    Args:
        vectors_ND: Of each source's texts, normalised, in half precision.
    """

    def __init__(self, texts: dict[str, list[str]], vectors_ND: dict[str, Tensor]) -> None:
        self._texts = texts
        self._vectors = vectors_ND

    def draw(self, generator: Random, *, num_labels: int, num_rows: int) -> list[tuple[str, list[int]]]:
        """Texts of one source or two and the places of the labels that apply, at least one each."""
        sources = generator.sample(sorted(self._texts), generator.choice((1, 1, 1, 2)))
        texts = [text for source in sources for text in self._texts[source]]
        vectors_ND = torch.cat([self._vectors[source] for source in sources]).float()
        vectors_ND = vectors_ND - vectors_ND.mean(dim=0)
        anchors = torch.tensor(generator.sample(range(len(texts)), num_labels * _ANCHORS))
        # The first anchor leads: a mean of three texts drawn at random is a direction that nobody would name.
        weights = torch.tensor([1.0, *[generator.choice((0.0, 0.4))] * (_ANCHORS - 1)])
        directions_LD = (vectors_ND[anchors].view(num_labels, _ANCHORS, -1) * weights[:, None]).sum(dim=1)
        scores_NL = vectors_ND @ directions_LD.T
        scores_NL = (scores_NL - scores_NL.mean(dim=0)) / scores_NL.std(dim=0).clamp_min(1e-4)
        best_N, place_N = scores_NL.max(dim=1)
        # As many of each label, clear cases first: what fits no label well teaches nothing.
        chosen: list[int] = []
        for place in range(num_labels):
            mine = (place_N == place).nonzero()[:, 0]
            order = best_N[mine].argsort(descending=True)
            chosen += mine[order[: 2 * num_rows // num_labels]].tolist()
        rows = generator.sample(chosen, min(num_rows, len(chosen)))
        single = generator.random() < 0.3
        return [(texts[row], _labels(scores_NL[row], single=single)) for row in rows]


def build_space(corpus: Corpus, teacher: MiniLM, generator: Random, *, per_source: int, file: Path) -> SentenceSpace:
    """Encodes a sample of each source; reads the file instead where a former run has written it."""
    if file.is_file():
        found = torch.load(file, weights_only=True)
        return SentenceSpace(found["texts"], found["vectors"])
    sources: dict[str, Sequence[str]] = {name: [row.text for row in rows] for name, rows in corpus.intents.items()}
    sources["emotions"] = [row.text for row in corpus.emotions]
    sources["glossary"] = [row.text for row in corpus.glossary]
    for opinion in corpus.opinions:
        sources[opinion.source] = [*sources.get(opinion.source, []), opinion.text]
    texts, vectors = {}, {}
    for name, rows in sources.items():
        fitting = sorted({row for row in rows if 12 < len(row) <= _LONGEST})
        texts[name] = sorted(generator.sample(fitting, min(per_source, len(fitting))), key=len)
        encoded = [teacher.encode(texts[name][first : first + 64]) for first in range(0, len(texts[name]), 64)]
        vectors[name] = torch.nn.functional.normalize(torch.cat(encoded), dim=-1).half().cpu()
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"texts": texts, "vectors": vectors}, file)
    return SentenceSpace(texts, vectors)


def _labels(scores_L: Tensor, *, single: bool) -> list[int]:
    """The best label and, unless there is to be one, those that fit well too; in order of labels."""
    order = scores_L.argsort(descending=True).tolist()
    kept = order[:1] if single else [order[0], *(place for place in order[1:_MOST_LABELS] if scores_L[place] > _HIGH)]
    return sorted(kept)
