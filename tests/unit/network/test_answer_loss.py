"""The loss compared with that of transformers, computed in full on padded batches."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import BartForConditionalGeneration

from factories.serving import site_scales
from factories.tiny_models import HIDDEN_SIZE, SHAPES, merged_model, tiny_model
from foreword.domain.base_model import Architecture
from foreword.errors import FailedPreconditionError
from foreword.network import answer_loss as module_of_loss
from foreword.network.answer_loss import AnswerLoss
from foreword.network.language_head import language_head
from foreword.plugin.contributions import Affine, Embeds
from foreword.plugin.interfaces import EncodedRow

ROWS = [
    EncodedRow(input_ids=(1, 40, 41, 42, 2), target_ids=(50, 51, 2)),
    EncodedRow(input_ids=(1, 43, 44, 45, 46, 47, 48, 2), target_ids=(52, 2)),
    EncodedRow(input_ids=(1, 49, 2), target_ids=(50, 53, 54, 55, 2)),
]


def _prompt() -> torch.Tensor:
    return torch.randn(4, HIDDEN_SIZE, generator=torch.Generator().manual_seed(1)).requires_grad_()


def _loss(model, contributions) -> torch.Tensor:
    """Return the summed loss of all rows under one adapter."""
    return AnswerLoss(model).nats(ROWS, [contributions], [0] * len(ROWS)).sum()


def _alone(model, row: EncodedRow, soft_PD: torch.Tensor) -> torch.Tensor:
    """Return the summed loss of one row without padding, from the module's own logits."""
    module = model.module
    embed = module.get_input_embeddings()
    target = torch.tensor([row.target_ids])
    if model.spec.architecture is Architecture.ENCODER_DECODER:
        embeds = torch.cat([soft_PD[None], embed(torch.tensor([row.input_ids]))], dim=1)
        start = torch.tensor([[module.config.decoder_start_token_id, *row.target_ids[:-1]]])
        logits = module(inputs_embeds=embeds, decoder_input_ids=start).logits
    else:
        ids = torch.tensor([[*row.input_ids, *row.target_ids]])
        embeds = torch.cat([soft_PD[None], embed(ids)], dim=1)
        logits = module(inputs_embeds=embeds).logits[:, -len(row.target_ids) - 1 : -1]
    return cross_entropy(logits[0], target[0], reduction="sum")


@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradient_of_a_padded_batch_equal_those_of_its_single_rows(shape):
    model = tiny_model(shape)
    batched, alone = _prompt(), _prompt()

    loss = _loss(model, [Embeds(vectors_PD=batched)])
    loss.backward()
    expected = sum(_alone(model, row, alone) for row in ROWS)
    expected.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(batched.grad, alone.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_the_shared_prefix_of_causal_models_gives_the_same_loss_and_gradient(shape, monkeypatch):
    model = tiny_model(shape)
    shared, apart = _prompt(), _prompt()

    loss = _loss(model, [Embeds(vectors_PD=shared)])
    loss.backward()
    monkeypatch.setattr(module_of_loss, "prompt_states", lambda base, adapters: None)
    expected = _loss(model, [Embeds(vectors_PD=apart)])
    expected.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(shared.grad, apart.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_prompt", [False, True])
def test_loss_and_gradient_with_factors_equal_those_of_a_network_with_the_factors_in_its_weights(shape, with_prompt):
    model = tiny_model(shape)
    scales = {name: scale_W.requires_grad_() for name, scale_W in site_scales(model.spec).items()}
    prompt = _prompt().detach() if with_prompt else torch.zeros(0, HIDDEN_SIZE)
    contributions = [Affine(scales_W=scales), *([Embeds(vectors_PD=prompt)] if with_prompt else [])]

    loss = _loss(model, contributions)
    loss.backward()

    merged = merged_model(shape, {name: scale_W.detach() for name, scale_W in scales.items()})
    assert loss.item() == pytest.approx(sum(_alone(merged, row, prompt) for row in ROWS).item(), rel=1e-5)
    name = model.spec.sites[-1].name
    step = torch.zeros_like(scales[name])
    step[3] = 1e-2
    nudged = [
        sum(_alone(merged_model(shape, {**scales, name: scales[name] + sign * step}), row, prompt) for row in ROWS)
        for sign in (1, -1)
    ]
    assert scales[name].grad[3].item() == pytest.approx((nudged[0] - nudged[1]).item() / 2e-2, rel=0.05, abs=2e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_contributions_the_loss_equals_that_of_the_base_model(shape):
    model = tiny_model(shape)

    loss = _loss(model, [])

    assert loss.item() == pytest.approx(sum(_alone(model, row, torch.zeros(0, HIDDEN_SIZE)) for row in ROWS).item())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_base_model_gets_no_gradient_and_keeps_its_attention(shape):
    model = tiny_model(shape)
    before = model.module.config._attn_implementation

    _loss(model, [Embeds(vectors_PD=_prompt())]).backward()

    assert all(parameter.grad is None for parameter in model.module.parameters())
    assert model.module.config._attn_implementation == before


def test_weights_in_bfloat16_give_gradients_in_float32():
    model = tiny_model("bart", dtype=torch.bfloat16)
    prompt = _prompt()

    _loss(model, [Embeds(vectors_PD=prompt)]).backward()

    assert prompt.grad is not None
    assert prompt.grad.dtype is torch.float32
    assert bool(torch.isfinite(prompt.grad).all())


def test_a_model_with_an_unknown_head_is_refused():
    class DoubledLogits(BartForConditionalGeneration):
        def forward(self, *args, **kwargs):
            outputs = super().forward(*args, **kwargs)
            outputs.logits = outputs.logits * 2
            return outputs

    model = tiny_model("bart")
    model.module.__class__ = DoubledLogits

    with pytest.raises(FailedPreconditionError, match="Choose another base model"):
        language_head(model)
