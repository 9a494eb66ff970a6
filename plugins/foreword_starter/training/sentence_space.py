"""Short texts with the teacher's sentence vectors: what the encoder learns, and labels that stand for directions.

Shapes: N texts, L labels, W the teacher's width.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import torch
from torch import Tensor

from foreword_starter.training.corpus import Corpus, sentences
from foreword_starter.training.feedback import made_up_feedback
from foreword_starter.training.loop import write_whole
from foreword_starter.training.sentence_encoder import SentenceEncoder

_ANCHORS: Final = 3
"""Texts whose mean is a label's direction."""
_HIGH: Final = 1.3
"""Standard deviations above the mean from which a label applies beside the best one."""
_MOST_LABELS: Final = 3
_LONGEST: Final = 240
"""Characters."""
_INSTRUCTIONS: Final = {
    "reviews": ("amazon_polarity", "app_reviews", "yelp_review"),
    "films": ("imdb", "rotten_tomatoes"),
    "questions": ("glue_qqp", "social_i_qa", "samsum", "trec", "dream"),
}
"""Templates whose inputs are what people say, by the source that they make."""


class SentenceSpace:
    """Texts by source with their vectors.

    Args:
        vectors_NW: Of each source's texts, normalised, in half precision.
    """

    def __init__(self, texts: dict[str, list[str]], vectors_NW: dict[str, Tensor]) -> None:
        self._texts = texts
        self._vectors = vectors_NW

    def all(self) -> tuple[list[str], Tensor]:
        """Every text with its vector, in a fixed order.

        Shape:
            The vectors are `[N, W]`.
        """
        names = sorted(self._texts)
        texts = [text for name in names for text in self._texts[name]]
        return texts, torch.cat([self._vectors[name] for name in names])

    @property
    def texts(self) -> dict[str, list[str]]:
        """By source."""
        return self._texts

    def draw(self, generator: Random, *, num_labels: int, num_rows: int) -> list[tuple[str, list[int]]]:
        """Texts of one source or two, large ones more often, and the places of the labels that apply, at least one."""
        names = sorted(self._texts)
        sizes = [len(self._texts[name]) for name in names]
        sources = sorted(set(generator.choices(names, sizes, k=generator.choice((1, 1, 1, 2)))))
        texts = [text for source in sources for text in self._texts[source]]
        vectors_NW = torch.cat([self._vectors[source] for source in sources]).float()
        vectors_NW = vectors_NW - vectors_NW.mean(dim=0)
        anchors = torch.tensor(generator.sample(range(len(texts)), num_labels * _ANCHORS))
        # The first anchor leads: a mean of three texts drawn at random is a direction that nobody would name.
        weights = torch.tensor([1.0, *[generator.choice((0.0, 0.4))] * (_ANCHORS - 1)])
        directions_LW = (vectors_NW[anchors].view(num_labels, _ANCHORS, -1) * weights[:, None]).sum(dim=1)
        scores_NL = vectors_NW @ directions_LW.T
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


def build_space(
    corpus: Corpus,
    teacher: Callable[[], SentenceEncoder],
    generator: Random,
    *,
    per_source: int,
    num_feedback: int,
    file: Path,
) -> SentenceSpace:
    """Encodes a sample of each source; reads the file instead where a former run has written it.

    Args:
        teacher: Loads it; not called where the file is.
        num_feedback: Made-up texts beside the corpus.
    """
    if file.is_file():
        found = torch.load(file, weights_only=True)
        return SentenceSpace(found["texts"], found["vectors"])
    encoder = teacher()
    texts, vectors = {}, {}
    for name, rows in _by_source(corpus).items():
        fitting = sorted({row for row in rows if 12 < len(row) <= _LONGEST})
        texts[name] = sorted(generator.sample(fitting, min(per_source, len(fitting))), key=len)
    texts["feedback"] = sorted(made_up_feedback(num_feedback, generator), key=len)
    for name in texts:
        encoded = [encoder.encode(texts[name][first : first + 64]) for first in range(0, len(texts[name]), 64)]
        vectors[name] = torch.nn.functional.normalize(torch.cat(encoded), dim=-1).half().cpu()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, {"texts": texts, "vectors": vectors})
    return SentenceSpace(texts, vectors)


def _by_source(corpus: Corpus) -> dict[str, list[str]]:
    """Texts by where they come from."""
    sources = {name: [row.text for row in rows] for name, rows in corpus.intents.items()}
    sources["emotions"] = [row.text for row in corpus.emotions]
    sources["glossary"] = [row.text for row in corpus.glossary]
    sources["turns"] = [turn.answer for turn in corpus.turns]
    sources["textbooks"] = [sentence for text in corpus.paragraphs for sentence in sentences(text)]
    for opinion in corpus.opinions:
        sources.setdefault(opinion.source, []).append(opinion.text)
    for row in corpus.instructions:
        for name, templates in _INSTRUCTIONS.items():
            if row.template.startswith(templates):
                sources.setdefault(name, []).extend(sentences(row.input))
    return sources


def _labels(scores_L: Tensor, *, single: bool) -> list[int]:
    """The best label and, unless there is to be one, those that fit well too; in order of labels."""
    order = scores_L.argsort(descending=True).tolist()
    kept = order[:1] if single else [order[0], *(place for place in order[1:_MOST_LABELS] if scores_L[place] > _HIGH)]
    return sorted(kept)
