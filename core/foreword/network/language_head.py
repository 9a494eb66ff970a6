"""The language head of a base model, for hidden states of chosen positions only.

Legend: N positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foreword.errors import FailedPreconditionError
from foreword.plugin.interfaces import LoadedModel


def language_head(model: LoadedModel) -> Callable[[Tensor], Tensor]:
    """Return a function that maps hidden states to logits as the module itself does.

    Heads differ by a bias, a scale or a cap. The function is compared with the module's own logits once, on one
    sequence. A module that computes its logits differently is refused; otherwise it would be tuned on a wrong loss.

    Raises:
        FailedPreconditionError: The module computes its logits in another way.

    Shape:
        The result takes `[N, D]` and returns `[N, V]`.
    """
    module = model.module
    config = module.config.get_text_config()
    output = module.get_output_embeddings()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    bias = getattr(module, "final_logits_bias", None)
    # T5 with tied embeddings scales hidden states; Granite and Cohere scale logits; Gemma caps them.
    hidden_scale = config.d_model**-0.5 if getattr(config, "scale_decoder_outputs", False) else 1.0
    logit_scale = (
        1 / config.logits_scaling if hasattr(config, "logits_scaling") else getattr(config, "logit_scale", 1.0)
    )
    cap = getattr(config, "final_logit_softcapping", None)

    def head(hidden_ND: Tensor) -> Tensor:
        logits_NV: Tensor = output(hidden_ND * hidden_scale if hidden_scale != 1.0 else hidden_ND)
        if logit_scale != 1.0:
            logits_NV = logits_NV * logit_scale
        if cap is not None:
            logits_NV = torch.tanh(logits_NV / cap) * cap
        return logits_NV if bias is None else logits_NV + bias[0]

    _check_head(model, head)
    return head


@torch.no_grad()
def _check_head(model: LoadedModel, head: Callable[[Tensor], Tensor]) -> None:
    """Compare a head with the module's own logits."""
    module = model.module
    ids = torch.ones(1, 2, dtype=torch.long, device=module.device)
    if model.spec.is_causal:
        outputs = module(input_ids=ids, output_hidden_states=True, use_cache=False)
        hidden = outputs.hidden_states[-1]
    else:
        outputs = module(input_ids=ids, decoder_input_ids=ids, output_hidden_states=True, use_cache=False)
        hidden = outputs.decoder_hidden_states[-1]
    same = torch.allclose(head(hidden[0]).float(), outputs.logits[0].float(), rtol=1e-2, atol=1e-2)
    if not same:
        raise FailedPreconditionError(
            f"{type(module).__name__} computes its logits in a way that tuning does not support. "
            "Choose another base model.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
