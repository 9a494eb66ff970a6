"""The embedded base model, loaded from the files in the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.errors import FailedPreconditionError
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword_starter.recipe import RECIPES
from foreword_starter.sites import SITES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WEIGHTS: Final = Path(__file__).parent / "weights"
"""Folder of the configuration, the tokenizer and the shards, in the layout that `from_pretrained` reads."""

REVISION: Final = "c47ac8fe6ae6b15644411c4ae6067418cc7b1317b3e76b126029c25b5fed4069"
"""SHA-256 of the shards in order of name; a test compares it with the files."""


class StarterModel(BaseModel):
    """A BART model with 27 million weights, trained to follow soft prompts; see MODEL_CARD.md.

    Args:
        weights: Folder in the layout of `WEIGHTS`. Pass another one to measure a checkpoint as it would be served.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights

    _spec = BaseModelSpec(
        id="foreword--starter",
        display_name="Foreword starter",
        description="Small encoder-decoder model included with Foreword: fast on two CPU cores, trained to be tuned.",
        architecture=Architecture.ENCODER_DECODER,
        context_tokens=512,
        hidden_size=384,
        parameter_count=26_653_440,
        licence="Apache-2.0",
        recipes=RECIPES,
        revision=REVISION,
        aliases=("starter",),
        sites=SITES,
    )

    @property
    def spec(self) -> BaseModelSpec:
        """The specification, available without loading the model."""
        return self._spec

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Load only the tokenizer.

        Raises:
            FailedPreconditionError: The package's weights are missing.
        """
        from transformers import AutoTokenizer

        _check_files(self._weights)
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self._weights, local_files_only=True)
        return tokenizer

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Load the weights and the tokenizer.

        The files hold bfloat16, so the dtype is always passed explicitly.

        Raises:
            FailedPreconditionError: The package's weights are missing.
        """
        import torch
        from transformers import AutoModelForSeq2SeqLM

        _check_files(self._weights)
        with _no_progress_bar():
            module = AutoModelForSeq2SeqLM.from_pretrained(
                self._weights, dtype=getattr(torch, dtype), local_files_only=True
            )
        module.to(device).eval().requires_grad_(False)
        return LoadedModel(spec=self._spec, module=module, tokenizer=self.load_tokenizer())


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide the progress bar of transformers, which would clutter the server's log; loading takes a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _check_files(weights: Path) -> None:
    """Check that the package was installed with its data.

    Raises:
        FailedPreconditionError: The weights are missing.
    """
    if not (weights / "model.safetensors.index.json").is_file():
        raise FailedPreconditionError(
            f"The starter model's weights are missing from {weights}. Reinstall foreword from its wheel.",
            reason="BASE_MODEL_MISSING",
        )
