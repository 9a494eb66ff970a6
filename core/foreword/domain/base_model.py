"""Base models: the facts that a plugin declares about a frozen model before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from foreword.domain.context_room import ContextRoom
from foreword.domain.parameters import TuneParameters
from foreword.domain.site import Site


class Architecture(Enum):
    """Architecture of a network. It decides how prompts are placed in front of the input."""

    ENCODER_DECODER = "encoder_decoder"
    CAUSAL = "causal"

    @property
    def is_causal(self) -> bool:
        """True if the answer continues the input, so that both share one context."""
        return self is Architecture.CAUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModelSpec:
    """The description of a base model that is known before it is loaded.

    Attributes:
        id: Last part of the resource name: the Hugging Face id with `/` written as `--`.
        context_tokens: Maximum length of the input in tokens, including the soft prompt.
        hidden_size: Width D of the embeddings.
        parameter_count: Number of weights.
        licence: SPDX identifier, or the name of the licence if it has none.
        recipes: Values for parameters that an experiment leaves unset, by tuning type.
        revision: Hash or tag of the exact weights; part of every cache key and manifest.
        aliases: Other names by which the model can be requested.
        tunable: Whether experiments may tune it.
        chat_template: Whether every input is wrapped as one user turn of the tokenizer's chat template.
        sites: Places where tuning methods may scale activations: the encoder's first, in the order of the layers.
            Empty if the model supports none.
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
        """True if the answer continues the input, so that both share one context."""
        return self.architecture.is_causal

    def context_room(self, soft_prompt_tokens: int = 0) -> ContextRoom:
        """Return the context that remains for inputs and answers beside a soft prompt."""
        return ContextRoom(
            context_tokens=self.context_tokens, is_causal=self.is_causal, soft_prompt_tokens=soft_prompt_tokens
        )

    def recipe(self, tuning_type: str) -> TuneParameters:
        """Return parameter values that suit this model and a tuning method; unset if none are known."""
        return self.recipes.get(tuning_type, TuneParameters())
