"""Prompts for the matching stage: named directions, and how well each one fits a set of texts.

Some prompts hold the directions of single texts. Most hold the directions that a regression over generated answers
finds, as `init_method` `regression` does: frequent answers have longer directions, some answers have two labels, and
the names are words taken from texts.

Shapes: N texts, L labels, U vectors of a prompt, R rows, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foreword.plugin.regression import answer_directions
from foreword_starter.training.starter import Starter

_LENGTHS: Final = (4, 8, 12, 16, 16)
"""Possible numbers of vectors in a prompt."""
_TEMPERATURE: Final = 0.08
"""Temperature of the softmax over cosines that determines how well each vector fits a text."""
_CANDIDATES: Final = 150
_CLEAR_CANDIDATES: Final = 60
"""Number of candidates with the best-fitting vectors; rows are drawn from these."""
_REGRESSED: Final = 2 / 3
"""Share of the prompts that come from a regression; the others hold the directions of texts."""
_SUPPORT: Final = (40, 200)
_LABELS: Final = (3, 10)
_FREQUENCIES: Final = 0.05
"""Standard deviation of each label's affinity bias (cosine), which makes some labels more frequent."""
_SECOND_LABEL: Final = 0.05
"""A text gets its second label too if the difference in affinity is below this (cosine)."""
_SHARPNESS: Final = 10.0
"""Inverse temperature of the softmax over the regression's predictions."""
_NAME_WORDS: Final = (1, 1, 1, 2)
_NAME_TOKENS: Final = 12

_Fits = tuple[list[tuple[int, ...]], Tensor, list[int], Tensor]
"""The labels of each answer, the directions, the indices of texts, and how well each direction fits each text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingPrompt:
    """A prompt and rows for it.

    Attributes:
        names: Names of the vectors, in token ids.
        places: Indices of the rows' texts in their source.

    Shape:
        vectors_UD: `[U, D]`. fits_RU: `[R, U]`, each row sums to one.
    """

    vectors_UD: Tensor
    names: list[list[int]]
    places: list[int]
    fits_RU: Tensor


class MatchingPrompts:
    """A generator of matching prompts.

    Args:
        texts: Texts by source.
        targets_ND: The teacher's vectors by source.
        rows: Number of texts for each prompt.
    """

    def __init__(
        self,
        starter: Starter,
        texts: Mapping[str, list[str]],
        targets_ND: Mapping[str, Tensor],
        *,
        rows: int,
        generator: Random,
    ) -> None:
        self._starter, self._texts, self._rows, self._generator = starter, texts, rows, generator
        self._vectors = {name: functional.normalize(found_ND, dim=-1) for name, found_ND in targets_ND.items()}
        self._directions = {
            name: functional.normalize(found_ND - found_ND.mean(dim=0), dim=-1) for name, found_ND in targets_ND.items()
        }

    def draw(self, source: str) -> MatchingPrompt:
        """Draw a prompt with texts of one source."""
        regressed = self._generator.random() < _REGRESSED
        answers, directions_UD, places, fits_RU = (self._regressed if regressed else self._typical)(source)
        words = [self._name(source) for _ in range(1 + max(label for answer in answers for label in answer))]
        texts = [", ".join(words[label] for label in answer) for answer in answers]
        names = [list(ids[:-1]) for ids in self._starter.encode_answers(texts, _NAME_TOKENS)]
        table_VD = self._starter.embeddings_VD.detach()
        names_UD = torch.stack([table_VD[ids].float().mean(dim=0) for ids in names])
        vectors_UD = names_UD + directions_UD.to(names_UD) * names_UD.norm(dim=-1).mean()
        return MatchingPrompt(vectors_UD=vectors_UD, names=names, places=places, fits_RU=fits_RU)

    def _name(self, source: str) -> str:
        """Draw a name: one word of a random text, sometimes two."""
        words = self._generator.choice(self._texts[source]).split() or ["Other"]
        count = self._generator.choice(_NAME_WORDS)
        first = self._generator.randrange(max(1, len(words) - count + 1))
        name = " ".join(words[first : first + count]).strip(',.;:!?"()')[:40] or "Other"
        return name.capitalize() if self._generator.random() < 1 / 2 else name

    def _typical(self, source: str) -> _Fits:
        """Draw labels whose directions are those of a text or a mixture of two, with texts and their fits."""
        directions_ND = self._directions[source]
        count = self._generator.choice(_LENGTHS)
        directions_UD = directions_ND[self._some(directions_ND, count)]
        if self._generator.random() < 1 / 2:
            directions_UD = directions_UD + directions_ND[self._some(directions_ND, count)] * self._generator.random()
        directions_UD = functional.normalize(directions_UD, dim=-1)
        candidates = self._some(directions_ND, _CANDIDATES)
        scores_NU = directions_ND[candidates] @ directions_UD.T
        clear = scores_NU.max(dim=1).values.argsort(descending=True)[:_CLEAR_CANDIDATES].tolist()
        chosen = self._generator.sample(clear, self._rows)
        fits_RU = functional.softmax(scores_NU[chosen] / _TEMPERATURE, dim=-1)
        answers: list[tuple[int, ...]] = [(place,) for place in range(count)]
        return answers, directions_UD, [candidates[place] for place in chosen], fits_RU

    def _regressed(self, source: str) -> _Fits:
        """Draw answers whose directions come from a regression, with other texts and their fits.

        The answer of a text is its nearest label or its two nearest labels; some labels are far more frequent.
        """
        generator, directions_ND, vectors_ND = self._generator, self._directions[source], self._vectors[source]
        support = self._some(directions_ND, generator.randint(*_SUPPORT))
        labels_LD = directions_ND[self._some(directions_ND, generator.randint(*_LABELS))]
        frequencies_L = torch.tensor([generator.gauss(0, _FREQUENCIES) for _ in labels_LD])
        affinities_NL = directions_ND[support] @ labels_LD.T + frequencies_L
        nearest_N2 = affinities_NL.topk(2, dim=1)
        second_N = nearest_N2.values[:, 0] - nearest_N2.values[:, 1] < _SECOND_LABEL
        answers = [
            tuple(sorted(pair)) if second else pair[:1]
            for pair, second in zip(map(tuple, nearest_N2.indices.tolist()), second_N.tolist(), strict=True)
        ]
        most = [answer for answer, _ in Counter(answers).most_common(max(_LENGTHS))]
        targets_N = torch.tensor([most.index(answer) if answer in most else -1 for answer in answers])
        directions_UD = answer_directions(vectors_ND[support], targets_N, len(most))
        scores_NU = (vectors_ND[support] - vectors_ND[support].mean(dim=0)) @ directions_UD.T
        wanted_NU = (targets_N[:, None] == torch.arange(len(most))).float()
        scale = (scores_NU * wanted_NU).sum() / scores_NU.square().sum()
        places = self._some(vectors_ND, self._rows)
        scores_RU = (vectors_ND[places] - vectors_ND[support].mean(dim=0)) @ directions_UD.T
        return most, directions_UD, places, functional.softmax(scores_RU * scale * _SHARPNESS, dim=-1)

    def _some(self, vectors_ND: Tensor, number: int) -> list[int]:
        return [self._generator.randrange(len(vectors_ND)) for _ in range(number)]
