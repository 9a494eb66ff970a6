"""A base model in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreword.domain.base_model import BaseModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A base model in memory, frozen and in eval mode.

    Attributes:
        module: A transformers model with a language-modelling head.
        tokenizer: Its tokenizer; `tokenizer(text).input_ids` is what the model expects as input.
    """

    spec: BaseModelSpec
    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
