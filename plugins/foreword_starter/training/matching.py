"""The matching stage: the encoder learns which of a prompt's vectors fits a text.

It must learn this before a prompt can distinguish texts. The decoder's loss requires the same, but so indirectly that
the encoder does not change for hundreds of updates. Here the loss applies to the encoder directly, which learns the
comparison within minutes.

Shapes: B rows, G groups, N texts, T positions, P vectors of the longest prompt, U vectors of one prompt, R rows of a
group, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foreword_starter.training.distillation import distillation_loss
from foreword_starter.training.forward import PromptedRow, decoder_losses, prompted_embeddings
from foreword_starter.training.loop import Step
from foreword_starter.training.matching_prompts import MatchingPrompt, MatchingPrompts
from foreword_starter.training.readouts import Legibility, Matcher
from foreword_starter.training.sentence_encoder import mean_over_tokens
from foreword_starter.training.starter import END, Starter

_GROUPS: Final = 3
_ROWS_PER_GROUP: Final = 14
_MAX_TOKENS: Final = 48
_LEGIBLE_TOKENS: Final = 200
"""Number of tokens of names in the legibility loss, and of tokens of texts."""
_LEGIBILITY_WEIGHT: Final = 0.5
_DISTANCE_WEIGHT: Final = 4.0


class MatchingStage:
    """The matching stage, in which the encoder learns to compare a text with the directions in its prompt.

    The teacher determines how well each direction fits a text. Two further losses make the text keep its sentence
    vector with the prompt in front, and keep the tokens of names and texts legible in the encoder's states: without
    them, matching erases the tokens, and the decoder can no longer copy anything.

    Args:
        texts: Texts by source.
        targets_ND: The teacher's vectors by source, rotated to the student's width.
        reads: Train the decoder too, to generate the name of the matching vector. It reads detached states, because
            its gradient would damage the encoder while the decoder still has to learn.
    """

    def __init__(
        self,
        starter: Starter,
        texts: Mapping[str, list[str]],
        targets_ND: Mapping[str, Tensor],
        *,
        reads: bool,
        seed: int,
    ) -> None:
        self._starter, self._texts, self._reads = starter, texts, reads
        self._targets = {name: vectors_ND.float() for name, vectors_ND in targets_ND.items()}
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._prompts = MatchingPrompts(starter, texts, self._targets, rows=_ROWS_PER_GROUP, generator=self._generator)
        self._matcher, self._legibility = Matcher(starter.width, starter.device), Legibility(starter)

    def forward(self, progress: float) -> Step:
        """Return the loss of a batch: several prompts with their texts, and one group of texts without a prompt."""
        sources = sorted(self._texts)
        drawn = self._generator.choices(sources, [len(self._texts[source]) for source in sources], k=_GROUPS + 1)
        prompts = [self._prompts.draw(source) for source in drawn]
        rows = [
            row
            for group, (source, prompt) in enumerate(zip(drawn, prompts, strict=True))
            for row in self._rows(source, prompt, group if group < _GROUPS else None)
        ]
        targets_BD = torch.cat(
            [self._targets[source][prompt.places] for source, prompt in zip(drawn, prompts, strict=True)]
        )
        prompts = prompts[:_GROUPS]
        prompts_GPD = nn.utils.rnn.pad_sequence([prompt.vectors_UD for prompt in prompts], batch_first=True)
        embeds_BTD, mask_BT = prompted_embeddings(self._starter, rows, prompts_GPD)
        encoder = self._starter.module.model.encoder
        memory_BTD = encoder(inputs_embeds=embeds_BTD, attention_mask=mask_BT).last_hidden_state

        divergence, right = self._compare(memory_BTD, rows, prompts)
        distance, cosine = distillation_loss(
            _mean_of_texts(memory_BTD, mask_BT, rows), targets_BD.to(self._starter.device)
        )
        names = self._illegibility(memory_BTD, _tokens_of_names(prompts))
        tokens = self._illegibility(memory_BTD, _tokens_of_texts(rows))
        loss = divergence + _DISTANCE_WEIGHT * distance + _LEGIBILITY_WEIGHT * (names + tokens)
        figures: dict[str, Tensor | float] = {
            "divergence": divergence.detach(), "right": right, "names": names.detach(),
            "tokens_of_texts": tokens.detach(), "cosine": cosine.detach(),
        }  # fmt: skip
        if self._reads:
            prompted = _GROUPS * _ROWS_PER_GROUP
            states_BTD = memory_BTD[:prompted].detach()
            read = decoder_losses(self._starter, rows[:prompted], states_BTD, mask_BT[:prompted]).mean()
            loss, figures["read"] = loss + read, read.detach()
        return Step(loss=loss, tokens=sum(row.length for row in rows), figures=figures)

    def _rows(self, source: str, prompt: MatchingPrompt, group: int | None) -> list[PromptedRow]:
        """Return a prompt's texts as rows; the answer of each is the name of a vector that fits it."""
        texts = self._starter.encode([self._texts[source][place] for place in prompt.places], _MAX_TOKENS)
        return [
            PromptedRow(
                input_ids=ids, answer_ids=[*self._generator.choices(prompt.names, fits_U)[0], END],
                prompt=None if group is None else (group, len(prompt.names)),
            )
            for ids, fits_U in zip(texts, prompt.fits_RU.tolist(), strict=True)
        ]  # fmt: skip

    def _compare(
        self, memory_BTD: Tensor, rows: Sequence[PromptedRow], prompts: Sequence[MatchingPrompt]
    ) -> tuple[Tensor, Tensor]:
        """Return the divergence of the rows with a prompt, in nats, and the share whose best vector is found."""
        prompted = len(prompts) * _ROWS_PER_GROUP
        found_BP = self._matcher.log_probabilities(memory_BTD[:prompted], rows[:prompted])
        fits_BP = nn.utils.rnn.pad_sequence([fit_U for prompt in prompts for fit_U in prompt.fits_RU], batch_first=True)
        fits_BP = fits_BP.to(found_BP.device)
        right = (found_BP.argmax(dim=1) == fits_BP.argmax(dim=1)).float().mean()
        return functional.kl_div(found_BP, fits_BP, reduction="batchmean"), right

    def _illegibility(self, memory_BTD: Tensor, found: Sequence[tuple[int, int, int]]) -> Tensor:
        """Return the legibility loss of a sample of these tokens, in nats."""
        return self._legibility.loss(memory_BTD, self._generator.choices(found, k=_LEGIBLE_TOKENS))

    def after_update(self) -> None:
        """Update the readouts of the encoder's states."""
        self._matcher.update()
        self._legibility.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the random generator and the readouts."""
        return {
            "generator": self._generator.getstate(), "matcher": self._matcher.state_dict(),
            "legibility": self._legibility.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._generator.setstate(state["generator"])
        self._matcher.load_state_dict(state["matcher"])
        self._legibility.load_state_dict(state["legibility"])


def _mean_of_texts(memory_BTD: Tensor, mask_BT: Tensor, rows: Sequence[PromptedRow]) -> Tensor:
    """Return the mean of each text's states, without those of its prompt.

    Shape:
        Returns `[B, D]`.
    """
    mask_BT = mask_BT.clone()
    for place, row in enumerate(rows):
        mask_BT[place, : row.num_virtual] = 0
    return mean_over_tokens(memory_BTD, mask_BT)


def _tokens_of_names(prompts: Sequence[MatchingPrompt]) -> list[tuple[int, int, int]]:
    """Return the row, position and token id of every token of a name, for all rows of its prompt."""
    return [
        (group * _ROWS_PER_GROUP + row, place, token)
        for group, prompt in enumerate(prompts)
        for row in range(_ROWS_PER_GROUP)
        for place, name in enumerate(prompt.names)
        for token in name
    ]


def _tokens_of_texts(rows: Sequence[PromptedRow]) -> list[tuple[int, int, int]]:
    """Return the row, position and token id of every token of a text."""
    return [
        (place, row.num_virtual + position, token)
        for place, row in enumerate(rows)
        for position, token in enumerate(row.input_ids)
    ]
