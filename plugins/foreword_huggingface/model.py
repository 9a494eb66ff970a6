"""A Hugging Face model as a base model."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from foreword.domain.base_model import BaseModelSpec
from foreword.errors import FailedPreconditionError, ForewordError
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.plugin.memory import check_memory
from foreword_huggingface.description import Description, describe, model_class
from foreword_huggingface.settings import ModelEntry
from foreword_huggingface.sources import Source, make_source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HuggingFaceModel(BaseModel):
    """A model from the hub or a folder."""

    def __init__(self, source: Source, description: Description) -> None:
        self._source = source
        self._description = description

    @classmethod
    def describe(cls, entry: ModelEntry, *, source: Source | None = None, offline: bool = False) -> HuggingFaceModel:
        """Describe a model from its configuration, without loading anything else.

        Args:
            entry: The model to describe.
            source: Source of its files. Default: the source that the entry names.
            offline: Do not connect to the hub.

        Raises:
            FailedPreconditionError: The model cannot be offered.
        """
        source = source or make_source(entry)
        return cls(source, describe(entry, source, offline=offline))

    @property
    def spec(self) -> BaseModelSpec:
        """The specification, available without loading the model."""
        return self._description.spec

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Load only the tokenizer; if it has no padding token, use its end token.

        Raises:
            FailedPreconditionError: The tokenizer is missing or cannot be loaded.
        """
        from transformers import AutoTokenizer

        folder = self._source.tokenizer_folder()
        with _readable(self._source.name, "tokenizer"):
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            if tokenizer.eos_token is None:
                tokenizer.eos_token = _end_token(self._source.name, tokenizer, self._description.config.eos_token_id)
            if tokenizer.pad_token is None:
                # Padding is masked, so any token works.
                tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Load the weights and the tokenizer, and download them on first use.

        Raises:
            FailedPreconditionError: The model does not fit into memory, or its files are missing or broken.
        """
        import torch

        name, spec = self._source.name, self.spec
        check_memory(name, parameter_count=spec.parameter_count, dtype=dtype, device=device)
        folder = self._source.weights_folder()
        tokenizer = self.load_tokenizer()
        # Load directly onto the accelerator: a model may fit there but not into main memory.
        placement: dict[str, Any] = {"device_map": {"": device}} if device.startswith("cuda") else {}
        with _no_progress_bar(), _readable(name, "weights"):
            module, loading = model_class(spec.architecture).from_pretrained(
                folder,
                config=copy.deepcopy(self._description.config),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **placement,
            )
            module.to(device)
        if loading["missing_keys"]:
            raise _unreadable(name, "weights", f"{len(loading['missing_keys'])} tensors are missing")
        module.eval().requires_grad_(False)
        _set_padding(module, tokenizer)
        return LoadedModel(spec=spec, module=module, tokenizer=tokenizer)


def _end_token(name: str, tokenizer: PreTrainedTokenizerBase, configured: object) -> str:
    """Return the end token from the model's configuration."""
    first = configured[0] if isinstance(configured, list) and configured else configured
    if not isinstance(first, int):
        raise _unreadable(name, "tokenizer", "neither the tokenizer nor the configuration defines an end token")
    token = tokenizer.convert_ids_to_tokens(first)
    assert isinstance(token, str)
    return token


def _set_padding(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Set the padding token of the module to that of its tokenizer if the module defines none."""
    for config in (module.config, module.generation_config):
        if config is not None and getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokenizer.pad_token_id


@contextmanager
def _readable(name: str, what: str) -> Iterator[None]:
    """Convert the errors that transformers, safetensors and torch raise for bad files into one with a remedy."""
    from torch import OutOfMemoryError

    try:
        yield
    except OutOfMemoryError as error:
        raise FailedPreconditionError(
            f"{name} does not fit into the free memory of the device. Free memory, or choose a smaller model.",
            reason="BASE_MODEL_TOO_LARGE",
        ) from error
    except ForewordError:
        raise
    except Exception as error:  # tokenizers raises bare exceptions, transformers many different ones
        detail = str(error).strip().partition("\n")[0]
        raise _unreadable(name, what, f"{type(error).__name__}: {detail}") from error


def _unreadable(name: str, what: str, detail: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"The {what} of {name} cannot be loaded: {detail}. Copy the files again from the model's source, or choose "
        "another model.",
        reason="BASE_MODEL_BROKEN",
    )


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide the progress bar of transformers, which would clutter the server's log."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
