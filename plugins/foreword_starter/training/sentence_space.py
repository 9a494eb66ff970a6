"""The sentence space: short texts with the teacher's vectors, for distillation and for tasks about directions.

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
"""Number of texts whose weighted sum is a label's direction."""
_HIGH: Final = 1.3
"""Standard deviations above the mean from which a label applies in addition to the best one."""
_MAX_LABELS: Final = 3
_LONGEST: Final = 240
"""Maximum length of a text, in characters."""
_INSTRUCTIONS: Final = {
    "reviews": ("amazon_polarity", "app_reviews", "yelp_review"),
    "films": ("imdb", "rotten_tomatoes"),
    "questions": ("glue_qqp", "social_i_qa", "samsum", "trec", "dream"),
}
"""Prefixes of the templates whose inputs people wrote or said, by the name of the source that they form."""


class SentenceSpace:
    """Texts by source with their vectors.

    Args:
        vectors_NW: Normalised vectors of each source's texts, in half precision.
    """

    def __init__(self, texts: dict[str, list[str]], vectors_NW: dict[str, Tensor]) -> None:
        self._texts = texts
        self._vectors = vectors_NW

    def all(self) -> tuple[list[str], Tensor]:
        """Return every text with its vector, in a fixed order.

        Shape:
            The vectors are `[N, W]`.
        """
        names = sorted(self._texts)
        texts = [text for name in names for text in self._texts[name]]
        return texts, torch.cat([self._vectors[name] for name in names])

    @property
    def texts(self) -> dict[str, list[str]]:
        """The texts by source."""
        return self._texts

    def draw(self, generator: Random, *, num_labels: int, num_rows: int) -> list[tuple[str, list[int]]]:
        """Draw texts of one or two sources, large ones more often, each with the indices of the labels that apply."""
        names = sorted(self._texts)
        sizes = [len(self._texts[name]) for name in names]
        sources = sorted(set(generator.choices(names, sizes, k=generator.choice((1, 1, 1, 2)))))
        texts = [text for source in sources for text in self._texts[source]]
        vectors_NW = torch.cat([self._vectors[source] for source in sources]).float()
        vectors_NW = vectors_NW - vectors_NW.mean(dim=0)
        anchors = torch.tensor(generator.sample(range(len(texts)), num_labels * _ANCHORS))
        # Weight the first anchor most: the mean of three random texts is a direction without a meaning.
        weights = torch.tensor([1.0, *[generator.choice((0.0, 0.4))] * (_ANCHORS - 1)])
        directions_LW = (vectors_NW[anchors].view(num_labels, _ANCHORS, -1) * weights[:, None]).sum(dim=1)
        scores_NL = vectors_NW @ directions_LW.T
        scores_NL = (scores_NL - scores_NL.mean(dim=0)) / scores_NL.std(dim=0).clamp_min(1e-4)
        best_N, place_N = scores_NL.max(dim=1)
        # Take equally many texts of each label, the clearest first: a text that fits no label well teaches nothing.
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
    """Encode a sample of each source, or read the file if an earlier run has written it.

    Args:
        teacher: Loads the teacher; not called if the file exists.
        num_feedback: Number of generated texts to add to the corpus.
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
    """Group the texts of the corpus by source."""
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
    """Return the best label and, unless `single` is set, others that fit well, in label order."""
    order = scores_L.argsort(descending=True).tolist()
    kept = order[:1] if single else [order[0], *(place for place in order[1:_MAX_LABELS] if scores_L[place] > _HIGH)]
    return sorted(kept)
