"""The description of a model from its configuration, without its weights."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.errors import FailedPreconditionError
from foreword.plugin.sites import find_sites
from foreword_huggingface.families import Family, context_tokens, family_of, fitted_recipes, with_full_attention
from foreword_huggingface.settings import ModelEntry
from foreword_huggingface.sources import CARD, CONFIG, TEMPLATE, TOKENIZER_CONFIG, Source

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_LICENCE: Final = re.compile(r"^license:\s*[\"']?([\w.+-]+)", re.MULTILINE)
_INSTRUCT: Final = re.compile(r"(?:^|[/_.-])(?:instruct|chat|it)(?:$|[_.-]|\d)", re.IGNORECASE)
"""Names of models that were trained on chat turns. Base models may have a template too, but were not trained on it."""
_CARD_CHARACTERS: Final = 4096
"""Number of characters read from the model card; its header is at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A model that can be loaded.

    Attributes:
        config: Configuration to build the module from, with full attention in every layer.
    """

    spec: BaseModelSpec
    config: PreTrainedConfig


def describe(entry: ModelEntry, source: Source, *, offline: bool = False) -> Description:
    """Describe a model from its configuration.

    The network is built on the meta device, where its weights take no memory.

    Args:
        entry: The model to describe.
        source: The source of its files.
        offline: Do not connect to the hub.

    Raises:
        FailedPreconditionError: The configuration is missing, broken or not supported.
    """
    asked = entry.chat if entry.chat is not None else bool(_INSTRUCT.search(entry.name))
    folder = source.config_folder(with_template=asked, offline=offline)
    chat = asked and _has_chat_template(folder)
    if entry.chat and not chat:
        raise FailedPreconditionError(
            f"{source.name} is listed with #chat, but its tokenizer has no chat template. Remove #chat, or choose the "
            "instruct version of the model.",
            reason="CHAT_TEMPLATE_MISSING",
        )
    values = _read_config(source.name, folder)
    family = family_of(source.name, values.get("model_type"))
    if values.get("quantization_config"):
        raise FailedPreconditionError(
            f"{source.name} has quantised weights, which cannot be tuned. Choose the original model instead.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    try:
        config = _config_of(values)
        # Read before the sliding window is disabled, because the window limits the context.
        longest = context_tokens(config, family)
        config = with_full_attention(config)
        network = _outline(config, family)
    except Exception as error:  # the validators of configurations have no common error class
        raise _broken(source.name, _last_line(error)) from error
    # An adapter tuned with the template does not work without it, so the revision distinguishes the two.
    revision = source.revision() + ("+chat" if chat else "")
    parameter_count = network.num_parameters()
    spec = BaseModelSpec(
        id=entry.id,
        display_name=entry.name.rpartition("/")[2],
        description=f"{family.title} model with {_rounded(parameter_count)} weights from {source.name}."
        + (" Inputs are formatted with its chat template." if chat else ""),
        architecture=family.architecture,
        context_tokens=longest,
        hidden_size=config.hidden_size,
        parameter_count=parameter_count,
        licence=_licence(folder) or ("unknown" if entry.folder else f"see https://huggingface.co/{entry.name}"),
        recipes=fitted_recipes(family, longest),
        revision=revision,
        chat_template=chat,
        sites=find_sites(network),
    )
    return Description(spec=spec, config=config)


def model_class(architecture: Architecture) -> Any:
    """Return the class that loads models of an architecture; this imports the models of transformers."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    return AutoModelForCausalLM if architecture.is_causal else AutoModelForSeq2SeqLM


def _read_config(name: str, folder: Path) -> dict[str, Any]:
    """Return the unparsed configuration, whose model type is checked before any class parses it."""
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(name, str(error)) from error
    if not isinstance(values, dict):
        raise _broken(name, "it is not a JSON object")
    return values


def _config_of(values: dict[str, Any]) -> PreTrainedConfig:
    """Return the configuration with all defaults, chosen by model type so that no code of the repository runs."""
    from transformers import CONFIG_MAPPING

    config: PreTrainedConfig = CONFIG_MAPPING[values["model_type"]].from_dict(values)
    return config


def _outline(config: PreTrainedConfig, family: Family) -> PreTrainedModel:
    """Build the network without its weights."""
    import torch

    with torch.device("meta"):
        network: PreTrainedModel = model_class(family.architecture).from_config(config)
    return network


def _has_chat_template(folder: Path) -> bool:
    """Return True if the tokenizer has a chat template."""
    if (folder / TEMPLATE).is_file():
        return True
    try:
        values = json.loads((folder / TOKENIZER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and bool(values.get("chat_template"))


def _licence(folder: Path) -> str:
    """Return the licence in the model card, or an empty text without one."""
    try:
        with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
            header = file.read(_CARD_CHARACTERS)
    except OSError:
        return ""
    found = _LICENCE.search(header) if header.startswith("---") else None
    return found[1] if found else ""


def _rounded(count: int) -> str:
    """Return a rounded count, such as `8.2 billion` or `248 million`."""
    return f"{count / 1e9:.1f} billion" if count >= 10**9 else f"{max(1, round(count / 1e6))} million"


def _last_line(error: Exception) -> str:
    """Return the last line of an error, which describes the problem; the lines above describe the location."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def _broken(name: str, detail: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"{CONFIG} of {name} cannot be used: {detail}. Copy the file again from the model's source.",
        reason="BASE_MODEL_BROKEN",
    )
