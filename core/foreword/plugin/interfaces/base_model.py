"""The interface of base models, which can be tuned and served."""

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
        """The description of the model, available without loading it."""

    @abstractmethod
    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Load only the tokenizer: lengths are counted before any weights are in memory."""

    @abstractmethod
    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Load weights and tokenizer.

        Args:
            device: Torch device, such as `cpu`.
            dtype: `float32` or `bfloat16`; the dtype of the checkpoint does not matter.

        Raises:
            FailedPreconditionError: The weights are missing or do not fit into memory; the message gives the remedy.
        """
