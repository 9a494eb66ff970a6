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
    """A model of the hub or of a folder."""

    def __init__(self, source: Source, description: Description) -> None:
        self._source = source
        self._description = description

    @classmethod
    def describe(cls, entry: ModelEntry, *, source: Source | None = None, offline: bool = False) -> HuggingFaceModel:
        """Reads a model's configuration; nothing else is loaded.

        Args:
            source: Where its files are. Default: where the entry says.
            offline: Do not ask the hub.

        Raises:
            FailedPreconditionError: It cannot be offered; names it and says what to do.
        """
        source = source or make_source(entry)
        return cls(source, describe(entry, source, offline=offline))

    @property
    def spec(self) -> BaseModelSpec:
        """What is known of it without loading it."""
        return self._description.spec

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Loads the tokenizer alone; one without a padding token pads with its end token."""
        from transformers import AutoTokenizer

        folder = self._source.tokenizer_folder()
        with _readable(self._source.name, "tokenizer"):
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            if tokenizer.eos_token is None:
                tokenizer.eos_token = _end_token(self._source.name, tokenizer, self._description.config.eos_token_id)
            if tokenizer.pad_token is None:
                # What is padded is masked, so any token will do.
                tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        """Loads weights and tokenizer, downloading them on first use. Whether they fit is checked before."""
        import torch

        name, spec = self._source.name, self.spec
        check_memory(name, parameter_count=spec.parameter_count, dtype=dtype, device=device)
        folder = self._source.weights_folder()
        tokenizer = self.load_tokenizer()
        # Straight to the accelerator: a model may fit there and not in main memory.
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
            raise _unreadable(name, "weights", f"{len(loading['missing_keys'])} tensors are missing from them")
        module.eval().requires_grad_(False)
        _set_padding(module, tokenizer)
        return LoadedModel(spec=spec, module=module, tokenizer=tokenizer)


def _end_token(name: str, tokenizer: PreTrainedTokenizerBase, configured: object) -> str:
    """The end token that the model's configuration names."""
    first = configured[0] if isinstance(configured, list) and configured else configured
    if not isinstance(first, int):
        raise _unreadable(name, "tokenizer", "neither it nor the configuration names an end token")
    token = tokenizer.convert_ids_to_tokens(first)
    assert isinstance(token, str)
    return token


def _set_padding(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Lets the module pad as its tokenizer does where it does not say how."""
    for config in (module.config, module.generation_config):
        if config is not None and getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokenizer.pad_token_id


@contextmanager
def _readable(name: str, what: str) -> Iterator[None]:
    """Turns what transformers, safetensors and torch raise over bad files into an error with a remedy."""
    from torch import OutOfMemoryError

    try:
        yield
    except OutOfMemoryError as error:
        raise FailedPreconditionError(
            f"{name} does not fit into the memory that the device has left. Free some, or choose a smaller model.",
            reason="BASE_MODEL_TOO_LARGE",
        ) from error
    except ForewordError:
        raise
    except Exception as error:  # tokenizers raises bare ones, transformers whatever a bad file leads to
        detail = str(error).strip().partition("\n")[0]
        raise _unreadable(name, what, f"{type(error).__name__}: {detail}") from error


def _unreadable(name: str, what: str, detail: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"The {what} of {name} cannot be loaded: {detail}. Take the files from the model's source again, or choose "
        "another model.",
        reason="BASE_MODEL_BROKEN",
    )


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keeps transformers' bar out of a service's log."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
