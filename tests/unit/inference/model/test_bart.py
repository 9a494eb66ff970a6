from __future__ import annotations

import pytest
import torch

from factories.near_ties import same_order
from factories.serving import DEPARTMENTS, SENTIMENT, load_adapter, make_request, running_engine
from factories.tiny_models import tiny_model
from foreword.domain.inference import GenerateParameters
from foreword.inference.model.bart import frozen_linear
from foreword.inference.model.bart.frozen_linear import FrozenLinear, can_pack
from foreword.inference.model.bart.network import Bart
from foreword.inference.model.encoder_decoder import EncoderDecoder
from foreword.inference.runner import ModelRunner, TextRow

TEXTS = ("Where are my sheets?", "I see a 2-door model in your TV ad, but why is that not available?")
PACKS = can_pack(torch.zeros(1, dtype=torch.bfloat16))


def _rows(runner: ModelRunner) -> list[TextRow]:
    """Return rows with prompts of several lengths, with factors, with both and with neither."""
    adapters = [
        load_adapter(runner, length, length, scaled=scaled) for scaled in (False, True) for length in (0, 4, 11)
    ]
    parameters = GenerateParameters(max_new_tokens=24, min_new_tokens=4)
    return [TextRow(text=text, adapter=adapter, parameters=parameters) for text in TEXTS for adapter in adapters]


def _plain(dtype: torch.dtype, *, scale_embedding: bool = False) -> ModelRunner:
    """Return a runner that uses the modules of transformers."""
    model = tiny_model("bart", dtype=dtype, scale_embedding=scale_embedding)
    runner = ModelRunner(model)
    runner.network = EncoderDecoder(tiny_model("bart", dtype=dtype, scale_embedding=scale_embedding))
    return runner


@pytest.mark.parametrize("scale_embedding", [False, True])
@pytest.mark.parametrize("pack", [False, True])
def test_answers_in_float32_equal_those_of_the_modules_token_for_token(pack, scale_embedding):
    plain = _plain(torch.float32, scale_embedding=scale_embedding)
    runner = ModelRunner(tiny_model("bart", scale_embedding=scale_embedding), pack=pack)
    assert isinstance(runner.network, Bart)

    assert runner.generate(_rows(runner)) == plain.generate(_rows(plain))


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01)])
def test_log_probabilities_equal_those_of_the_modules(dtype, bound):
    plain, runner = _plain(dtype), ModelRunner(tiny_model("bart", dtype=dtype), pack=True)

    found = runner.score_label_sets(_rows(runner), DEPARTMENTS)

    for one, other in zip(found, plain.score_label_sets(_rows(plain), DEPARTMENTS), strict=True):
        expected = dict(zip(other.sets, other.log_probs, strict=True))
        shared = {labels: value for labels, value in zip(one.sets, one.log_probs, strict=True) if labels in expected}
        assert len(shared) >= len(DEPARTMENTS.labels)
        assert shared == pytest.approx({labels: expected[labels] for labels in shared}, rel=bound)
        if dtype is torch.float32:
            assert same_order(one.sets, expected)


def test_a_bias_of_the_logits_counts():
    runner, plain = ModelRunner(tiny_model("bart")), _plain(torch.float32)
    bias_1V = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(2))
    for module in (runner.model.module, plain.network.module):
        module.final_logits_bias.copy_(bias_1V)
    runner = ModelRunner(runner.model)

    [found] = runner.score_label_sets([TextRow(text=TEXTS[0])], DEPARTMENTS)

    [expected] = plain.score_label_sets([TextRow(text=TEXTS[0])], DEPARTMENTS)
    assert dict(zip(found.sets, found.log_probs, strict=True)) == pytest.approx(
        dict(zip(expected.sets, expected.log_probs, strict=True)), abs=1e-4
    )


def test_weights_that_are_not_packed_stay_those_of_the_module():
    model = tiny_model("bart")
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}

    ModelRunner(model)

    after = model.module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_layers_joined_twice_are_in_memory_once():
    layers = [torch.nn.Linear(4, width).requires_grad_(False) for width in (3, 5)]
    x_TD = torch.randn(2, 4, generator=torch.Generator().manual_seed(1))
    expected = torch.cat([layer(x_TD) for layer in layers], dim=-1)

    frozen = [FrozenLinear(layers) for _ in range(2)]

    for one in frozen:
        torch.testing.assert_close(one(x_TD), expected)
    layers[1].weight[0, 0] = 7.0
    changed = torch.cat([layer(x_TD) for layer in layers], dim=-1)
    assert not torch.equal(changed, expected)
    for one in frozen:
        torch.testing.assert_close(one(x_TD), changed)


@pytest.mark.skipif(not PACKS, reason="this processor or this PyTorch packs no weights")
def test_packed_products_equal_plain_ones_and_replace_the_weights():
    generator = torch.Generator().manual_seed(1)
    layers = [torch.nn.Linear(32, width).to(torch.bfloat16).requires_grad_(False) for width in (48, 16)]
    x_BTD = torch.randn(2, 5, 32, generator=generator).to(torch.bfloat16)
    plain = torch.cat([layer(x_BTD) for layer in layers], dim=-1)
    memory = sum(tensor.nbytes for layer in layers for tensor in layer.parameters())

    packed = FrozenLinear(layers, pack=True)

    with torch.inference_mode():
        assert torch.equal(packed(x_BTD), plain)
    assert all(layer.weight is None for layer in layers)
    tensors = [tensor for layer in layers for tensor in (*layer.parameters(), *layer.buffers())]
    assert sum(tensor.nbytes for tensor in tensors) == memory


def test_without_the_private_operations_of_pytorch_nothing_is_packed(monkeypatch):
    monkeypatch.setattr(frozen_linear, "_OPERATIONS", ("_an_operation_that_is_not_there",))
    layer = torch.nn.Linear(4, 3).to(torch.bfloat16).requires_grad_(False)
    x_TD = torch.randn(2, 4, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)

    frozen = FrozenLinear([layer], pack=True)

    assert not frozen.is_packed
    assert torch.equal(frozen(x_TD), layer(x_TD))


async def test_the_engine_packs_weights_counts_their_memory_and_answers_as_without():
    model = tiny_model("bart", dtype=torch.bfloat16)
    weights = (*model.module.parameters(), *model.module.buffers())
    head = model.module.get_output_embeddings().weight.nbytes
    [expected] = ModelRunner(model).score_label_sets([TextRow(text=TEXTS[0])], SENTIMENT)

    async with running_engine(dtype="bfloat16") as engine:
        found = await engine.classify(make_request(TEXTS[0], label_space=SENTIMENT))
        load = engine.load()

    # The token embeddings are the head's weight, so only this one is there plain and packed.
    assert load.model_bytes == {"tiny--bart": sum(tensor.nbytes for tensor in weights) + (head if PACKS else 0)}
    assert [item.probability for item in found.label_sets] == pytest.approx(expected.probabilities, rel=0.02)
