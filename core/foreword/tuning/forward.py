"""The loss of a batch under the contributions of a tuning method.

Logits are computed at label positions only: hidden states are gathered first, so that logits are `[N, V]` for N answer
tokens instead of `[B, T, V]`.

Shapes: B batch, P virtual tokens, T text tokens, L answer tokens, D width, N answer tokens of the batch, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from foreword.errors import FailedPreconditionError
from foreword.plugin.contributions import Contribution, site_scales, soft_prompt
from foreword.plugin.encoding import start_token
from foreword.plugin.scaling import Scaling, factors_by_module
from foreword.tuning.batches import IGNORED, Batch
from foreword.tuning.prefix import expand_prefix, prefix_states

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from foreword.plugin.interfaces import LoadedModel


class AnswerLoss(ABC):
    """The negative log-likelihood of the answers of a batch."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._module = model.module
        self._head = language_head(model)
        self._scaling = Scaling(model.module, model.spec.sites)

    def __call__(self, batch: Batch, contributions: Sequence[Contribution]) -> Tensor:
        """Return the summed loss in nats over all answer tokens; divide by their number, not by rows or positions."""
        soft_PD = soft_prompt(contributions)
        if soft_PD is not None:
            soft_PD = soft_PD.to(device=self._module.device, dtype=self._module.dtype)
        factors = factors_by_module(self._model.spec.sites, site_scales(contributions))
        factors = {path: factor_W.to(self._module.device) for path, factor_W in factors.items()}
        with attention_for_gradients(self._module), self._scaling.applied(factors):
            hidden_ND = self._hidden(batch, soft_PD)
        target_ids_N = batch.target_ids_BL[batch.target_ids_BL != IGNORED]
        return cross_entropy(self._head(hidden_ND).float(), target_ids_N, reduction="sum")

    @abstractmethod
    def _hidden(self, batch: Batch, soft_PD: Tensor | None) -> Tensor:
        """Return the last hidden states at the positions that predict answer tokens, row by row.

        Shape:
            Returns `[N, D]`.
        """

    def _embed(self, ids: Tensor) -> Tensor:
        """Return the input embeddings as they enter the first layer."""
        with torch.no_grad():
            embeds: Tensor = self._module.get_input_embeddings()(ids)
        return embeds


class EncoderDecoderLoss(AnswerLoss):
    """The loss of an encoder-decoder model.

    The prompt goes in front of the encoder's input; the decoder attends to it through cross-attention.
    """

    def _hidden(self, batch: Batch, soft_PD: Tensor | None) -> Tensor:
        embeds_BTD, mask_BT = self._embed(batch.input_ids_BT), batch.input_mask_BT
        if soft_PD is not None:
            num_rows, num_virtual = mask_BT.shape[0], soft_PD.shape[0]
            embeds_BTD = torch.cat([soft_PD.expand(num_rows, -1, -1), embeds_BTD], dim=1)
            mask_BT = torch.cat([mask_BT.new_ones(num_rows, num_virtual), mask_BT], dim=1)
        memory = self._module.get_encoder()(inputs_embeds=embeds_BTD, attention_mask=mask_BT).last_hidden_state
        labelled_BL = batch.target_ids_BL != IGNORED
        previous_BL = batch.target_ids_BL.masked_fill(~labelled_BL, 0).roll(1, dims=1)
        previous_BL[:, 0] = start_token(self._model)
        decoder = self._module.get_decoder()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
        hidden_BLD: Tensor = decoder(
            input_ids=previous_BL,
            encoder_hidden_states=memory,
            encoder_attention_mask=mask_BT,
            use_cache=False,
        ).last_hidden_state
        return hidden_BLD[labelled_BL]


class CausalLoss(AnswerLoss):
    """The loss of a causal model: prompt, input and answer form one sequence, and only the answer counts.

    Under a causal mask the prompt's states do not depend on the text. The prompt runs once per batch and all rows share
    its keys and values: B * T + P tokens of work instead of B * (T + P).
    """

    def _hidden(self, batch: Batch, soft_PD: Tensor | None) -> Tensor:
        ids_BT, mask_BT, predicts_BT = _one_sequence(batch)
        num_rows, num_tokens = ids_BT.shape
        num_virtual = 0 if soft_PD is None else soft_PD.shape[0]
        positions_1T = torch.arange(num_virtual, num_virtual + num_tokens, device=ids_BT.device)[None]
        full_mask_BT = torch.cat([mask_BT.new_ones(num_rows, num_virtual), mask_BT], dim=1)
        prefix = None if soft_PD is None else prefix_states(self._module, soft_PD)
        if soft_PD is not None and prefix is None:
            embeds_BTD = torch.cat([soft_PD.expand(num_rows, -1, -1), self._embed(ids_BT)], dim=1)
            hidden_BTD: Tensor = self._module.base_model(
                inputs_embeds=embeds_BTD, attention_mask=full_mask_BT, use_cache=False
            ).last_hidden_state[:, num_virtual:]
            return hidden_BTD[predicts_BT]
        hidden_BTD = self._module.base_model(
            inputs_embeds=self._embed(ids_BT),
            attention_mask=full_mask_BT,
            position_ids=positions_1T.expand(num_rows, -1),
            past_key_values=None if prefix is None else expand_prefix(prefix, num_rows),
            use_cache=prefix is not None,
        ).last_hidden_state
        return hidden_BTD[predicts_BT]


@contextmanager
def attention_for_gradients(module: PreTrainedModel) -> Iterator[None]:
    """Use eager attention while gradients are recorded on a CPU.

    The backward pass of PyTorch's fused attention is slow on CPUs: a step of the starter model takes 250 ms with eager
    attention and 400 ms without in bfloat16, 500 and 710 ms in float32 (one core, batch 16). Switching costs a quarter
    of a millisecond. One thread owns the model, so no other code runs while it is switched.
    """
    before = module.config._attn_implementation
    if not torch.is_grad_enabled() or module.device.type != "cpu" or before == "eager":
        yield
        return
    module.set_attn_implementation("eager")
    try:
        yield
    finally:
        module.set_attn_implementation(before)


def answer_loss(model: LoadedModel) -> AnswerLoss:
    """Return the loss that fits a model's architecture."""
    if model.spec.is_causal:
        return CausalLoss(model)
    return EncoderDecoderLoss(model)


def _one_sequence(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Join the input and the answer of each row without a gap, padded on the right.

    Shape:
        Returns ids, mask and the positions whose next token belongs to the answer, each `[B, T]`.
    """
    lengths = batch.input_mask_BT.sum(dim=1).tolist()
    labelled_BL = batch.target_ids_BL != IGNORED
    answers = labelled_BL.sum(dim=1).tolist()
    # The answer's last token predicts nothing, so it is left out.
    num_tokens = max(length + answer for length, answer in zip(lengths, answers, strict=True)) - 1
    ids_BT = batch.input_ids_BT.new_zeros(len(lengths), num_tokens)
    mask_BT, predicts_BT = torch.zeros_like(ids_BT), torch.zeros_like(ids_BT, dtype=torch.bool)
    for place, (length, answer) in enumerate(zip(lengths, answers, strict=True)):
        end = length + answer - 1
        ids_BT[place, :length] = batch.input_ids_BT[place, :length]
        ids_BT[place, length:end] = batch.target_ids_BL[place, : answer - 1]
        mask_BT[place, :end] = 1
        predicts_BT[place, length - 1 : end] = True
    return ids_BT, mask_BT, predicts_BT


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
