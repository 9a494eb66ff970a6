"""Base models: what a plugin offers to be tuned and served."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from foreword.domain.base_model import BaseModelSpec
from foreword.plugin.loaded_model import LoadedModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class BaseModel(ABC):
    """A base model that can be loaded."""

    @property
    @abstractmethod
    def spec(self) -> BaseModelSpec:
        """What is known of it without loading it."""

    @abstractmethod
    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Loads the tokenizer alone: lengths are counted before any weights are in memory."""

    @abstractmethod
    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Loads weights and tokenizer.

        Args:
            device: Torch device, such as `cpu`.
            dtype: `float32` or `bfloat16`; never what the checkpoint happens to hold.

        Raises:
            FailedPreconditionError: The weights are not there or do not fit; the message says what to do.
        """
