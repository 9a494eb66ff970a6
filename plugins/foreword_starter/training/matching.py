"""Which of a prompt's vectors a text is about: what the encoder must know before a prompt can tell texts apart.

The decoder's loss asks for the same, but from so far away that hundreds of updates pass before the encoder moves at
all. Here the encoder is asked itself, and learns it in minutes.

Shapes: B rows, G groups, N texts, T positions, P vectors of the longest prompt, U vectors of one prompt, R rows of a
group, V vocabulary, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foreword.plugin.regression import answer_directions
from foreword_starter.training.distillation import distillation_loss
from foreword_starter.training.forward import PromptedRow, decoder_losses, prompted_embeddings
from foreword_starter.training.loop import Step
from foreword_starter.training.sentence_encoder import mean_over_tokens
from foreword_starter.training.starter import END, Starter

_RATE: Final = 1e-3
_GROUPS: Final = 3
_ROWS_PER_GROUP: Final = 14
_LENGTHS: Final = (4, 8, 12, 16, 16)
"""Vectors of a prompt."""
_TEMPERATURE: Final = 0.08
"""Of the softmax over cosines: which vectors a text fits, and how much better than others."""
_CANDIDATES: Final = 150
_CLEAR_CANDIDATES: Final = 60
"""Of these, the ones that fit some vector best; rows are drawn from them."""
_MAX_TOKENS: Final = 48
_REGRESSED: Final = 2 / 3
"""Of the prompts: their directions come from a regression, as `init_method` `regression` makes them. Frequent answers
have longer ones, and which of them a text fits depends on that."""
_SUPPORT: Final = (40, 200)
_LABELS: Final = (3, 10)
_SECOND_LABEL: Final = 0.05
"""A text has its second label too where that is hardly farther away (cosine)."""
_SHARPNESS: Final = 10.0
"""Of the softmax over what the regression predicts."""
_NAME_WORDS: Final = (1, 1, 1, 2)
_NAME_TOKENS: Final = 12
_LEGIBLE_ROWS: Final = 2
_NAME_WEIGHT: Final = 0.5
_LEGIBLE_TOKENS: Final = 200
_TOKEN_WEIGHT: Final = 0.5
_DISTANCE_WEIGHT: Final = 4.0


class Matcher:
    """A direction of the encoder's states at the prompt's positions that says how well each vector fits the text.

    It is needed in training only, and learns along with the model.
    """

    def __init__(self, width: int, device: torch.device) -> None:
        self._direction_D = nn.Parameter(torch.zeros(width, device=device))
        self._logarithm = nn.Parameter(torch.tensor(2.0, device=device))
        self._optimizer = torch.optim.AdamW([self._direction_D, self._logarithm], lr=_RATE, weight_decay=0.0)

    def log_probabilities(self, memory_BTD: Tensor, rows: Sequence[PromptedRow]) -> Tensor:
        """Of each vector being the one that fits best.

        Shape:
            memory_BTD: The encoder's states. Returns `[B, P]`, hardly anything beyond a prompt's own length.
        """
        lengths = [0 if row.prompt is None else row.prompt[1] for row in rows]
        scores_BP = (memory_BTD[:, : max(lengths)].float() @ self._direction_D) * self._logarithm.exp()
        device = memory_BTD.device
        outside_BP = torch.arange(max(lengths), device=device) >= torch.tensor(lengths, device=device)[:, None]
        return functional.log_softmax(scores_BP.masked_fill(outside_BP, -1e4), dim=-1)

    def update(self) -> None:
        """A step of AdamW."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Direction and optimiser."""
        parameters = {"direction": self._direction_D.detach(), "logarithm": self._logarithm.detach()}
        return {**parameters, "optimizer": self._optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._direction_D.copy_(state["direction"])
        self._logarithm.copy_(state["logarithm"])
        self._optimizer.load_state_dict(state["optimizer"])


class MatchingStage:
    """The stage: the encoder alone learns to compare a text with the directions in its prompt.

    A prompt holds the sentence vectors of some texts, each beside the embedding of a name. Which of them another text
    fits, and how much better than the rest, the teacher tells. With the prompt in front the text itself keeps its
    sentence vector, and the names stay legible.

    Args:
        texts: By source.
        targets_ND: The teacher's vectors, turned to the student's width, by source.
        reads: Whether the decoder learns too, to say the name beside the vector that fits, from states that its own
            gradient does not reach: the encoder would pay for what the decoder has yet to learn.
    """

    def __init__(
        self, starter: Starter, texts: dict[str, list[str]], targets_ND: dict[str, Tensor], *, reads: bool, seed: int
    ) -> None:
        self._starter, self._texts, self._reads = starter, texts, reads
        self._targets = {name: vectors.float() for name, vectors in targets_ND.items()}
        self._unit = {name: functional.normalize(vectors, dim=-1) for name, vectors in self._targets.items()}
        self._directions = {
            name: functional.normalize(vectors - vectors.mean(dim=0), dim=-1) for name, vectors in self._targets.items()
        }
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._matcher = Matcher(starter.width, starter.device)
        self._legible_DD = nn.Parameter(torch.eye(starter.width, device=starter.device))
        self._optimizer = torch.optim.AdamW([self._legible_DD], lr=_RATE, weight_decay=0.0)

    def forward(self, progress: float) -> Step:
        """One batch of some prompts with some texts each, and as many texts as one prompt has without any."""
        sources = sorted(self._texts)
        drawn = self._generator.choices(sources, [len(self._texts[source]) for source in sources], k=_GROUPS + 1)
        rows: list[PromptedRow] = []
        prompts, names, fits, targets = [], [], [], []
        for group, source in enumerate(drawn):
            vectors_UD, names_U, places, fits_RU = self._draw(source)
            prompt = None
            if group < _GROUPS:
                prompt = (group, len(vectors_UD))
                prompts.append(vectors_UD)
                names.append(names_U)
                fits.append(fits_RU)
            targets.append(self._targets[source][places])
            texts = self._starter.encode([self._texts[source][place] for place in places], _MAX_TOKENS)
            rows += [
                PromptedRow(
                    input_ids=ids, answer_ids=[*self._generator.choices(names_U, fits_U)[0], END], prompt=prompt
                )
                for ids, fits_U in zip(texts, fits_RU.tolist(), strict=True)
            ]
        embeds_BTD, mask_BT = prompted_embeddings(self._starter, rows, nn.utils.rnn.pad_sequence(prompts, True))
        memory_BTD = self._starter.module.model.encoder(
            inputs_embeds=embeds_BTD, attention_mask=mask_BT
        ).last_hidden_state
        divergence, right = self._compare(memory_BTD, rows, fits)
        figures: dict[str, Tensor | float] = {"divergence": divergence.detach(), "right": right}
        loss = divergence
        if self._reads:
            prompted = _GROUPS * _ROWS_PER_GROUP
            states_BTD = memory_BTD[:prompted].detach()
            read = decoder_losses(self._starter, rows[:prompted], states_BTD, mask_BT[:prompted]).mean()
            loss, figures["read"] = loss + read, read.detach()
        text_mask_BT = mask_BT.clone()
        for place, row in enumerate(rows):
            text_mask_BT[place, : row.prompt[1] if row.prompt else 0] = 0
        distance, cosine = distillation_loss(
            mean_over_tokens(memory_BTD, text_mask_BT), torch.cat(targets).to(memory_BTD.device)
        )
        legible, tokens = self._name_loss(memory_BTD, names), self._token_loss(memory_BTD, rows)
        return Step(
            loss=loss + _DISTANCE_WEIGHT * distance + _NAME_WEIGHT * legible + _TOKEN_WEIGHT * tokens,
            tokens=sum(row.length for row in rows),
            figures={
                **figures,
                "names": legible.detach(),
                "tokens_of_texts": tokens.detach(),
                "cosine": cosine.detach(),
            },
        )

    def _compare(
        self, memory_BTD: Tensor, rows: Sequence[PromptedRow], fits: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """How far off the rows with a prompt are, in nats, and how often the vector that fits best is found."""
        prompted = len(fits) * _ROWS_PER_GROUP
        found_BP = self._matcher.log_probabilities(memory_BTD[:prompted], rows[:prompted])
        fits_BP = nn.utils.rnn.pad_sequence([fit for fits_RU in fits for fit in fits_RU], batch_first=True)
        fits_BP = fits_BP.to(found_BP.device)
        right = (found_BP.argmax(dim=1) == fits_BP.argmax(dim=1)).float().mean()
        return functional.kl_div(found_BP, fits_BP, reduction="batchmean"), right

    def _draw(self, source: str) -> tuple[Tensor, list[list[int]], list[int], Tensor]:
        """A prompt, its names in token ids, the places of texts, and how well each vector fits each text."""
        regressed = self._generator.random() < _REGRESSED
        answers, directions_UD, places, fits_RU = (self._regressed if regressed else self._typical)(source)
        words = [self._name(source) for _ in range(1 + max(label for answer in answers for label in answer))]
        texts = [", ".join(words[label] for label in answer) for answer in answers]
        names_U = [list(ids[:-1]) for ids in self._starter.encode_answers(texts, _NAME_TOKENS)]
        table_VD = self._starter.embeddings_VD.detach()
        names_UD = torch.stack([table_VD[ids].float().mean(dim=0) for ids in names_U])
        vectors_UD = names_UD + directions_UD.to(names_UD) * names_UD.norm(dim=-1).mean()
        return vectors_UD, names_U, places, fits_RU

    def _name(self, source: str) -> str:
        """Some word of some text, sometimes two."""
        words = self._generator.choice(self._texts[source]).split() or ["Other"]
        count = self._generator.choice(_NAME_WORDS)
        first = self._generator.randrange(max(1, len(words) - count + 1))
        name = " ".join(words[first : first + count]).strip(',.;:!?"()')[:40] or "Other"
        return name.capitalize() if self._generator.random() < 1 / 2 else name

    def _typical(self, source: str) -> tuple[list[tuple[int, ...]], Tensor, list[int], Tensor]:
        """Labels, each with the direction of a text or of two mixed; places of texts and how well they fit."""
        directions_ND = self._directions[source]
        count = self._generator.choice(_LENGTHS)
        directions_UD = directions_ND[self._some(directions_ND, count)]
        if self._generator.random() < 1 / 2:
            directions_UD = directions_UD + directions_ND[self._some(directions_ND, count)] * self._generator.random()
        directions_UD = functional.normalize(directions_UD, dim=-1)
        candidates = self._some(directions_ND, _CANDIDATES)
        scores_NU = directions_ND[candidates] @ directions_UD.T
        clear = scores_NU.max(dim=1).values.argsort(descending=True)[:_CLEAR_CANDIDATES].tolist()
        chosen = self._generator.sample(clear, _ROWS_PER_GROUP)
        fits_RU = functional.softmax(scores_NU[chosen] / _TEMPERATURE, dim=-1)
        answers: list[tuple[int, ...]] = [(place,) for place in range(count)]
        return answers, directions_UD, [candidates[place] for place in chosen], fits_RU

    def _regressed(self, source: str) -> tuple[list[tuple[int, ...]], Tensor, list[int], Tensor]:
        """Answers of some labels with the directions of a regression; places of other texts and how well they fit.

        An answer is the label that a text lies nearest to, or the two nearest; some labels are far more frequent.
        """
        generator, directions_ND, vectors_ND = self._generator, self._directions[source], self._unit[source]
        support = self._some(directions_ND, generator.randint(*_SUPPORT))
        labels_LD = directions_ND[self._some(directions_ND, generator.randint(*_LABELS))]
        frequencies_L = torch.tensor([generator.gauss(0, 0.05) for _ in labels_LD])
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
        places = self._some(vectors_ND, _ROWS_PER_GROUP)
        scores_RU = (vectors_ND[places] - vectors_ND[support].mean(dim=0)) @ directions_UD.T
        return most, directions_UD, places, functional.softmax(scores_RU * scale * _SHARPNESS, dim=-1)

    def _some(self, directions_ND: Tensor, number: int) -> list[int]:
        return [self._generator.randrange(len(directions_ND)) for _ in range(number)]

    def _name_loss(self, memory_BTD: Tensor, names: Sequence[list[list[int]]]) -> Tensor:
        """How legible the tokens of the names are, in nats, in the states of some rows of each prompt."""
        rows = [
            (group * _ROWS_PER_GROUP + place, names_U)
            for group, names_U in enumerate(names)
            for place in range(_LEGIBLE_ROWS)
        ]
        found = [
            (place, unit, token)
            for place, names_U in rows
            for unit, name in enumerate(names_U)
            for token in name
        ]  # fmt: skip
        return self._illegibility(memory_BTD, found)

    def _token_loss(self, memory_BTD: Tensor, rows: Sequence[PromptedRow]) -> Tensor:
        """How legible some tokens of the texts are, in nats: without this, matching alone would wash them out."""
        offsets = [row.prompt[1] if row.prompt else 0 for row in rows]
        found = [
            (place, offset + position, token)
            for place, (row, offset) in enumerate(zip(rows, offsets, strict=True))
            for position, token in enumerate(row.input_ids)
        ]
        return self._illegibility(memory_BTD, self._generator.sample(found, min(_LEGIBLE_TOKENS, len(found))))

    def _illegibility(self, memory_BTD: Tensor, found: Sequence[tuple[int, int, int]]) -> Tensor:
        """Of tokens in the states of some rows and positions, in nats."""
        places, positions, tokens = (self._starter.tensor(part) for part in zip(*found, strict=True))
        states_ND = memory_BTD[places, positions].float() @ self._legible_DD
        table_VD = self._starter.embeddings_VD.detach()
        logits_NV = functional.linear(states_ND.to(table_VD.dtype), table_VD).float()
        return functional.cross_entropy(logits_NV, tokens)

    def after_update(self) -> None:
        """What compares states with texts and names learns too."""
        self._matcher.update()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Generator, and what learns beside the model."""
        return {
            "generator": self._generator.getstate(), "matcher": self._matcher.state_dict(),
            "names": self._legible_DD.detach(), "optimizer": self._optimizer.state_dict(),
        }  # fmt: skip

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._generator.setstate(state["generator"])
        self._matcher.load_state_dict(state["matcher"])
        self._legible_DD.copy_(state["names"])
        self._optimizer.load_state_dict(state["optimizer"])
