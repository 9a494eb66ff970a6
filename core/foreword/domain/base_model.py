"""Base models: what a plugin tells about a frozen model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from foreword.domain.parameters import TuneParameters


class Architecture(Enum):
    """Shape of a network; decides how prompts are put in front of the input."""

    ENCODER_DECODER = "encoder_decoder"
    CAUSAL = "causal"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModelSpec:
    """What is known of a base model without loading it.

    Attributes:
        id: Last part of its resource name: the Hugging Face id with `/` written `--`.
        context_tokens: Longest input in tokens, the soft prompt included.
        hidden_size: Width D of the embeddings.
        parameter_count: Number of weights.
        licence: SPDX identifier or the licence's own name.
        recipe: Values for parameters that an experiment leaves unset.
        revision: Hash or tag of the exact weights; part of every cache key and manifest.
        aliases: Other names it answers to.
        tunable: Whether experiments may tune it.
        chat_template: Whether every input becomes one user's turn of the tokenizer's chat template.
    """

    id: str
    display_name: str
    description: str
    architecture: Architecture
    context_tokens: int
    hidden_size: int
    parameter_count: int
    licence: str
    recipe: TuneParameters
    revision: str
    aliases: tuple[str, ...] = ()
    tunable: bool = True
    chat_template: bool = False
