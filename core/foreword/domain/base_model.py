"""Base models: what a plugin tells about a frozen model before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from foreword.domain.context_room import ContextRoom
from foreword.domain.parameters import TuneParameters
from foreword.domain.site import Site


class Architecture(Enum):
    """Shape of a network; decides how prompts are put in front of the input."""

    ENCODER_DECODER = "encoder_decoder"
    CAUSAL = "causal"

    @property
    def is_causal(self) -> bool:
        """Whether the answer continues the input, so that both share one context."""
        return self is Architecture.CAUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModelSpec:
    """What is known of a base model without loading it.

    Attributes:
        id: Last part of its resource name: the Hugging Face id with `/` written `--`.
        context_tokens: Longest input in tokens, the soft prompt included.
        hidden_size: Width D of the embeddings.
        parameter_count: Number of weights.
        licence: SPDX identifier or the licence's own name.
        recipes: Values for parameters that an experiment leaves unset, by tuning type.
        revision: Hash or tag of the exact weights; part of every cache key and manifest.
        aliases: Other names it answers to.
        tunable: Whether experiments may tune it.
        chat_template: Whether every input becomes one user's turn of the tokenizer's chat template.
        sites: Where tuning methods may scale what passes, encoder first, in the order of the layers; empty where none
            can.
    """

    id: str
    display_name: str
    description: str
    architecture: Architecture
    context_tokens: int
    hidden_size: int
    parameter_count: int
    licence: str
    recipes: Mapping[str, TuneParameters]
    revision: str
    aliases: tuple[str, ...] = ()
    tunable: bool = True
    chat_template: bool = False
    sites: tuple[Site, ...] = ()

    @property
    def is_causal(self) -> bool:
        """Whether the answer continues the input, so that both share one context."""
        return self.architecture.is_causal

    def context_room(self, soft_prompt_tokens: int = 0) -> ContextRoom:
        """Return the room for inputs and answers beside a soft prompt."""
        return ContextRoom(
            context_tokens=self.context_tokens, is_causal=self.is_causal, soft_prompt_tokens=soft_prompt_tokens
        )

    def recipe(self, tuning_type: str) -> TuneParameters:
        """Values that suit this model under a tuning method; nothing is set where none are known."""
        return self.recipes.get(tuning_type, TuneParameters())
