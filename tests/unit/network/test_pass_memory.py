"""The estimated memory of a pass, against what passes keep and in itself."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from factories.serving import site_scales
from factories.tiny_models import HIDDEN_SIZE, tiny_model
from foreword.network.answer_loss import AnswerLoss
from foreword.network.pass_budget import PassBudget
from foreword.network.pass_memory import AdapterSize, NetworkShape, pass_bytes
from foreword.plugin.contributions import Affine, Contribution, Embeds
from foreword.plugin.interfaces import EncodedRow, LoadedModel
from foreword_starter.model import StarterModel

PEAK = 2
"""What the estimate adds to the memory that a pass keeps."""


def _row(num_input: int, num_target: int = 2) -> EncodedRow:
    return EncodedRow(input_ids=tuple(range(5, 5 + num_input)), target_ids=tuple(range(9, 9 + num_target)))


def _size(num_virtual_tokens: int, has_factors: bool = False) -> AdapterSize:
    return AdapterSize(num_virtual_tokens=num_virtual_tokens, has_factors=has_factors)


@cache
def _model(shape: str) -> LoadedModel:
    return tiny_model(shape)


@cache
def _shape(shape: str) -> NetworkShape:
    return NetworkShape.of(_model(shape))


def _kept_bytes(model: LoadedModel, rows: list[EncodedRow], contributions: list[Contribution]) -> int:
    """Return the bytes that a pass keeps for its backward pass, weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.module.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    loss = AnswerLoss(model)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        nats_B = loss.nats(rows, [contributions], [0] * len(rows))
    assert nats_B.requires_grad
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("num_rows", "num_text", "num_virtual"), [(8, 20, 50), (4, 120, 10)])
def test_what_a_pass_of_the_embedded_model_keeps_is_estimated(num_rows, num_text, num_virtual, scaled):
    model = StarterModel().load(device="cpu", dtype="float32")
    rows = [_row(num_text, 4)] * num_rows
    vectors_PD = torch.zeros(num_virtual, model.spec.hidden_size, requires_grad=True)
    contributions: list[Contribution] = [Embeds(vectors_PD=vectors_PD)]
    if scaled:
        scales = site_scales(model.spec, spread=0.01)
        contributions.append(Affine(scales_W={name: scale_W.requires_grad_() for name, scale_W in scales.items()}))

    kept = _kept_bytes(model, rows, contributions)

    size = AdapterSize.of(contributions)
    estimate = pass_bytes(NetworkShape.of(model), rows, [size], [0] * num_rows, with_gradients=True) / PEAK
    assert size == _size(num_virtual, scaled)
    # Factors are counted for every projection; IA3 has them at two thirds of the columns.
    assert kept == pytest.approx(estimate, rel=0.35 if scaled else 0.1)


@pytest.mark.parametrize("shape", ["bart", "t5", "llama", "gpt2"])
def test_what_a_pass_keeps_is_at_most_the_estimated_peak(shape):
    model, rows = _model(shape), [_row(20, 4)] * 8
    contributions: list[Contribution] = [Embeds(vectors_PD=torch.zeros(30, HIDDEN_SIZE, requires_grad=True))]

    kept = _kept_bytes(model, rows, contributions)

    estimate = pass_bytes(_shape(shape), rows, [_size(30)], [0] * 8, with_gradients=True)
    assert estimate / 4 < kept < estimate


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_virtual_tokens_and_factors_count(shape):
    rows = [_row(20)] * 4

    def needed(size: AdapterSize, *, with_gradients: bool = True) -> int:
        return pass_bytes(_shape(shape), rows, [size], [0] * 4, with_gradients=with_gradients)

    assert needed(_size(0)) < needed(_size(10)) < needed(_size(50)) < needed(_size(50, has_factors=True))
    assert needed(_size(50), with_gradients=False) < needed(_size(50))


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_prompts_of_several_adapters_of_a_causal_model_are_computed_once_each(shape):
    rows = [_row(20)] * 4

    one = pass_bytes(_shape(shape), rows, [_size(50)], [0] * 4, with_gradients=True)
    four = pass_bytes(_shape(shape), rows, [_size(50)] * 4, [0, 1, 2, 3], with_gradients=True)

    assert (four > one) is (shape == "llama")


@pytest.mark.parametrize("shape", ["bart", "llama"])
@settings(max_examples=examples(50), deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 10)), min_size=1, max_size=30),
    virtual=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    limit=st.integers(1, 200),
    with_gradients=st.booleans(),
)
def test_rows_are_divided_in_their_order_into_as_much_as_fits(shape, lengths, virtual, limit, with_gradients):
    rows, max_bytes = [_row(*length) for length in lengths], limit * 10_000
    sizes, adapter_of_row = [_size(count) for count in virtual], [place % len(virtual) for place in range(len(rows))]

    parts = list(
        PassBudget(_model(shape), max_bytes=max_bytes).parts(rows, sizes, adapter_of_row, with_gradients=with_gradients)
    )

    def fits(first: int, last: int) -> bool:
        needed = pass_bytes(
            _shape(shape), rows[first:last], sizes, adapter_of_row[first:last], with_gradients=with_gradients
        )
        return needed <= max_bytes

    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == len(rows)
    for part in parts:
        assert fits(part.start, part.stop) or part.stop - part.start == 1
        assert part.stop == len(rows) or not fits(part.start, part.stop + 1)


def test_a_usual_batch_is_one_pass_without_a_limit_of_ones_own():
    rows = [_row(60, 6)] * 16

    assert list(PassBudget(_model("bart")).parts(rows, [_size(50)], [0] * 16, with_gradients=True)) == [slice(0, 16)]
