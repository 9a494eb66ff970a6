"""Which of a prompt's vectors a text is about: what the encoder must know before a prompt can tell texts apart.

The decoder's loss asks for the same, but from so far away that hundreds of updates pass before the encoder moves at
all. Here the encoder is asked itself, and learns it in minutes.

Shapes: B rows, G groups, N texts, T positions, P vectors of the longest prompt, U vectors of one prompt, R rows of a
group, V vocabulary, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foreword_starter.training.distillation import distillation_loss
from foreword_starter.training.forward import PromptedRow, prompted_embeddings
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
_NAMING: Final = range(40, 5000)
"""Tokens that names are made of."""
_NAME_TOKENS: Final = (1, 1, 1, 2, 3)
_LEGIBLE_ROWS: Final = 2
_NAME_WEIGHT: Final = 0.2
_DISTANCE_WEIGHT: Final = 2.0


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
    """

    def __init__(
        self, starter: Starter, texts: dict[str, list[str]], targets_ND: dict[str, Tensor], *, seed: int
    ) -> None:
        self._starter, self._texts = starter, texts
        self._targets = {name: vectors.float() for name, vectors in targets_ND.items()}
        self._directions = {
            name: functional.normalize(vectors - vectors.mean(dim=0), dim=-1) for name, vectors in self._targets.items()
        }
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._matcher = Matcher(starter.width, starter.device)
        self._names_DD = nn.Parameter(torch.eye(starter.width, device=starter.device))
        self._optimizer = torch.optim.AdamW([self._names_DD], lr=_RATE, weight_decay=0.0)

    def forward(self, progress: float) -> Step:
        """One batch of some prompts with some texts each, and as many texts as one prompt has without any."""
        sources = sorted(self._texts)
        drawn = self._generator.choices(sources, [len(self._texts[source]) for source in sources], k=_GROUPS + 1)
        rows: list[PromptedRow] = []
        prompts, names, fits, targets = [], [], [], []
        for group, source in enumerate(drawn):
            vectors_UD, names_UN, places, fits_RU = self._draw(source)
            prompt = None
            if group < _GROUPS:
                prompt = (group, len(vectors_UD))
                prompts.append(vectors_UD)
                names.append(names_UN)
                fits.append(fits_RU)
            targets.append(self._targets[source][places])
            texts = self._starter.encode([self._texts[source][place] for place in places], _MAX_TOKENS)
            rows += [PromptedRow(input_ids=ids, answer_ids=[END], prompt=prompt) for ids in texts]
        embeds_BTD, mask_BT = prompted_embeddings(self._starter, rows, nn.utils.rnn.pad_sequence(prompts, True))
        memory_BTD = self._starter.module.model.encoder(
            inputs_embeds=embeds_BTD, attention_mask=mask_BT
        ).last_hidden_state
        divergence, right = self._compare(memory_BTD, rows, fits)
        for place, row in enumerate(rows):
            mask_BT[place, : row.prompt[1] if row.prompt else 0] = 0
        distance, cosine = distillation_loss(
            mean_over_tokens(memory_BTD, mask_BT), torch.cat(targets).to(memory_BTD.device)
        )
        legible = self._name_loss(memory_BTD, names)
        return Step(
            loss=divergence + _DISTANCE_WEIGHT * distance + _NAME_WEIGHT * legible,
            tokens=sum(row.length for row in rows),
            figures={
                "divergence": divergence.detach(), "right": right, "names": legible.detach(), "cosine": cosine.detach(),
            },
        )  # fmt: skip

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

    def _draw(self, source: str) -> tuple[Tensor, Tensor, list[int], Tensor]:
        """A prompt, the tokens of its names, the places of texts, and how well each vector fits each text."""
        generator, directions_ND = self._generator, self._directions[source]
        count = generator.choice(_LENGTHS)

        def some(number: int) -> list[int]:
            return [generator.randrange(len(directions_ND)) for _ in range(number)]

        directions_UD = directions_ND[some(count)]
        if generator.random() < 1 / 2:
            directions_UD = directions_UD + directions_ND[some(count)] * generator.random()
        directions_UD = functional.normalize(directions_UD, dim=-1)
        table_VD = self._starter.embeddings_VD.detach()
        length = generator.choice(_NAME_TOKENS)
        tokens_UN = torch.tensor(
            [[generator.choice(_NAMING) % len(table_VD) for _ in range(length)] for _ in range(count)]
        )
        names_UD = table_VD[tokens_UN.to(table_VD.device)].float().mean(dim=1)
        candidates = some(_CANDIDATES)
        scores_NU = directions_ND[candidates] @ directions_UD.T
        clear = scores_NU.max(dim=1).values.argsort(descending=True)[:_CLEAR_CANDIDATES].tolist()
        chosen = generator.sample(clear, _ROWS_PER_GROUP)
        vectors_UD = names_UD + directions_UD.to(names_UD) * names_UD.norm(dim=-1).mean()
        fits_RU = functional.softmax(scores_NU[chosen] / _TEMPERATURE, dim=-1)
        return vectors_UD, tokens_UN, [candidates[place] for place in chosen], fits_RU

    def _name_loss(self, memory_BTD: Tensor, names: Sequence[Tensor]) -> Tensor:
        """How legible the tokens of the names are, in nats, in the states of some rows of each prompt."""
        table_VD, losses = self._starter.embeddings_VD.detach(), []
        for group, tokens_UN in enumerate(names):
            first = group * _ROWS_PER_GROUP
            states_RUD = memory_BTD[first : first + _LEGIBLE_ROWS, : len(tokens_UN)].float() @ self._names_DD
            found_RUV = functional.log_softmax(functional.linear(states_RUD.to(table_VD.dtype), table_VD).float(), -1)
            wanted_RUN = tokens_UN.to(found_RUV.device).expand(_LEGIBLE_ROWS, -1, -1)
            losses.append(-found_RUV.gather(-1, wanted_RUN).mean())
        return torch.stack(losses).mean()

    def after_update(self) -> None:
        """What compares states with texts and names learns too."""
        self._matcher.update()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Generator, and what learns beside the model."""
        return {
            "generator": self._generator.getstate(), "matcher": self._matcher.state_dict(),
            "names": self._names_DD.detach(), "optimizer": self._optimizer.state_dict(),
        }  # fmt: skip

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._generator.setstate(state["generator"])
        self._matcher.load_state_dict(state["matcher"])
        self._names_DD.copy_(state["names"])
        self._optimizer.load_state_dict(state["optimizer"])
