"""The choice of the network for a base model, and the models that the engine cannot serve."""

from __future__ import annotations

import inspect

from foreword.errors import FailedPreconditionError
from foreword.inference.model.bart.network import Bart
from foreword.inference.model.bart.passes import BartPasses
from foreword.inference.model.causal import Causal
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.encoder_decoder import EncoderDecoder
from foreword.plugin.interfaces import LoadedModel


def make_network(model: LoadedModel, *, pack: bool = False) -> DecodingNetwork:
    """Return the network for a base model.

    Args:
        pack: Whether to pack frozen weights where that is faster; the model's module may not be able to run by itself
            then.

    Raises:
        FailedPreconditionError: Its positions cannot be given per row, or its attention skips tokens.
    """
    if not model.spec.is_causal:
        return Bart(model, pack=pack) if BartPasses.supports(model.module) else EncoderDecoder(model)
    config = model.module.config
    if "position_ids" not in inspect.signature(model.module.forward).parameters:
        raise FailedPreconditionError(
            f"{model.spec.id} ({config.model_type}) takes no position ids, so rows of different lengths cannot share a "
            "batch. Use a model with rotary or learned positions, such as Llama or GPT-2.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    kinds = getattr(config, "layer_types", None)
    window = None if kinds else getattr(config, "sliding_window", None)
    if any(kind != "full_attention" for kind in kinds or ()) or (window or 0) > 0:
        raise FailedPreconditionError(
            f"{model.spec.id} ({config.model_type}) has layers without full attention, which the engine cannot serve. "
            "Use a model whose layers all attend to the whole context.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    return Causal(model)
