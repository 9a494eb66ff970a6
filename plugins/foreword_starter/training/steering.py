"""The steering stage, which trains the model to follow soft prompts.

Four kinds of batches alternate: tasks that only a soft prompt specifies; instructions in text; the teacher's sentence
vectors, which preserve what the encoder knows; and prompts in which the model must find and name the matching vector.

Shapes: B rows, R rows of a prompt, G prompts, P virtual tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from foreword_starter.training.distillation import Distillation
from foreword_starter.training.forward import PromptedRow, answer_losses
from foreword_starter.training.instructions import Instructions
from foreword_starter.training.loop import Step
from foreword_starter.training.matching import MatchingStage
from foreword_starter.training.prompt_pool import PromptPool
from foreword_starter.training.starter import END, START, Starter


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringSettings:
    """Settings of the mixture; the share that is left over goes to soft tasks.

    Attributes:
        groups: Soft tasks in one batch.
        rows_per_group: Support rows per task, which its prompt learns from.
        queries_per_group: Other rows per task, which only the model learns from.
        instruction_share: Share of the batches with instructions in text.
        distillation_share: Share of the batches with the teacher's vectors, for the encoder.
        matching_share: Share of the batches with matching, in which the decoder also learns to name the match.
        instruction_tokens: Token budget of a batch in text: inputs plus twice the answers.
        token_dropout: Share of an input's tokens that is dropped in half of the batches.
    """

    groups: int
    rows_per_group: int
    queries_per_group: int
    instruction_share: float = 0.15
    distillation_share: float = 0.15
    matching_share: float = 0.0
    instruction_tokens: int = 1500
    token_dropout: float = 0.15

    def __post_init__(self) -> None:
        """Check the sum of the shares.

        Raises:
            ValueError: The shares add up to more than 1.
        """
        shares = self.instruction_share + self.distillation_share + self.matching_share
        if shares > 1:
            raise ValueError(
                f"instruction_share, distillation_share and matching_share add up to {shares:g}. "
                "Lower them to at most 1."
            )


class Steering:
    """The steering stage."""

    def __init__(
        self,
        starter: Starter,
        pool: PromptPool,
        instructions: Instructions,
        distillation: Distillation,
        matching: MatchingStage,
        settings: SteeringSettings,
        generator: Random,
    ) -> None:
        self._starter, self._pool, self._settings = starter, pool, settings
        self._instructions, self._distillation, self._matching = instructions, distillation, matching
        self._generator = generator
        self._matched = False
        self._learning: tuple[list[int], Tensor] | None = None

    def forward(self, progress: float) -> Step:
        """Return the loss of a batch of a random kind."""
        settings = self._settings
        shares = (settings.distillation_share, settings.instruction_share, settings.matching_share)
        kind = self._generator.choices(("vectors", "text", "matching", "soft"), (*shares, 1 - sum(shares)))[0]
        self._matched = kind == "matching"
        if kind == "vectors":
            return self._distillation.forward(progress)
        if kind == "text":
            rows = self._instructions.batch(settings.instruction_tokens, self._generator)
            losses_B = answer_losses(self._starter, rows, None)
            return Step(loss=losses_B.mean(), tokens=_count(rows), figures={"in_text": losses_B.detach().mean()})
        if self._matched:
            return self._matching.forward(progress)
        return self._soft_batch()

    def after_update(self) -> None:
        """Update the prompts of the last batch, or the readouts if it was a matching batch."""
        if self._matched:
            self._matching.after_update()
        if self._learning is not None:
            self._pool.update(*self._learning)
            self._learning = None

    def _soft_batch(self) -> Step:
        slots = self._pool.draw(self._settings.groups)
        prompts_GPD = self._pool.prompts(slots)
        rows, settings = [], self._settings
        dropout = self._settings.token_dropout if self._generator.random() < 0.5 else 0.0
        for group, slot in enumerate(slots):
            life = self._pool.life(slot)
            support, queries = range(life.num_support), range(life.num_support, len(life.inputs))
            places = [
                *((place, group) for place in self._generator.choices(support, k=settings.rows_per_group)),
                # The same prompt, detached, so that these rows do not train it.
                *(
                    (place, len(slots) + group)
                    for place in self._generator.choices(queries, k=settings.queries_per_group)
                ),
            ]
            for place, prompt in places:
                kept = self._thin_out(life.inputs[place], dropout)
                rows.append(
                    PromptedRow(input_ids=kept, answer_ids=life.answers[place], prompt=(prompt, life.num_virtual))
                )
        losses_B = answer_losses(self._starter, rows, torch.cat([prompts_GPD, prompts_GPD.detach()]))
        losses_GR = losses_B.detach().view(len(slots), -1)
        support_G = losses_GR[:, : settings.rows_per_group].mean(dim=1)
        query_G = losses_GR[:, settings.rows_per_group :].mean(dim=1)
        figures: dict[str, Tensor | float] = {"soft": losses_B.detach().mean()}
        for place, slot in enumerate(slots):
            life = self._pool.life(slot)
            figures[f"{life.kind}_{life.stage}"] = query_G[place]
            if life.kind != "rewriting":
                figures[f"start_{life.start}_{life.stage}"] = query_G[place]
                figures[f"support_{life.stage}"], figures[f"query_{life.stage}"] = support_G[place], query_G[place]
        self._learning = (slots, prompts_GPD)
        return Step(loss=losses_B.mean(), tokens=_count(rows), figures=figures)

    def _thin_out(self, ids: tuple[int, ...], dropout: float) -> list[int]:
        """Drop some tokens of an input at random, as tuning does."""
        return [token for token in ids if token in (START, END) or self._generator.random() >= dropout]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the pool, the random generator and the other stages."""
        return {
            "pool": self._pool.state_dict(), "generator": self._generator.getstate(),
            "distillation": self._distillation.state_dict(), "instructions": self._instructions.state_dict(),
            "matching": self._matching.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._pool.load_state_dict(state["pool"])
        self._generator.setstate(state["generator"])
        self._distillation.load_state_dict(state["distillation"])
        self._instructions.load_state_dict(state["instructions"])
        self._matching.load_state_dict(state["matching"])


def _count(rows: list[PromptedRow]) -> int:
    return sum(row.length + len(row.answer_ids) for row in rows)
