"""Rows of several adapters in one pass against the same rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from factories.serving import prompt_vectors, site_scales
from factories.tiny_models import SHAPES, tiny_model
from foreword.network import answer_loss
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.contributions import Affine, Contribution, Embeds
from foreword.plugin.interfaces import EncodedRow

LOSS_BOUND = 2e-6
"""Largest relative difference of a loss in fp32. Sums of products of other shapes have another order; 600 random
companies differ by up to 2e-7. A row that sees a token of another row differs by more than 1e-2."""

GRADIENT_BOUND = 1e-4
"""Largest difference of a gradient in fp32, relative to the largest number of its adapter's gradients. The same
companies differ by up to 2.5e-5, and by up to 1e-14 in fp64."""


@dataclass(frozen=True, kw_only=True)
class Company:
    """Adapters as number of virtual tokens and whether they have factors; rows as adapter and two lengths."""

    adapters: Sequence[tuple[int, bool]]
    rows: Sequence[tuple[int, int, int]]


@st.composite
def companies(draw: st.DrawFn) -> Company:
    adapters = draw(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=5))
    places = st.integers(0, len(adapters) - 1)
    row = st.tuples(places, st.integers(1, 20), st.integers(1, 5))
    return Company(adapters=adapters, rows=draw(st.lists(row, min_size=1, max_size=8)))


@cache
def _loss(shape: str) -> AnswerLoss:
    return AnswerLoss(tiny_model(shape))


@cache
def _spec(shape: str):
    return tiny_model(shape).spec


def _contributions(shape: str, length: int, scaled: bool, seed: int) -> list[Contribution]:
    """Return the contributions of one adapter, with leaf tensors."""
    found: list[Contribution] = [Embeds(vectors_PD=prompt_vectors(length, seed).requires_grad_())] if length else []
    if scaled:
        scales_W = {name: scale_W.requires_grad_() for name, scale_W in site_scales(_spec(shape), seed, 0.3).items()}
        found.append(Affine(scales_W=scales_W))
    return found


def _rows(company: Company) -> list[EncodedRow]:
    generator = Random(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(generator.randint(5, 15_000) for _ in range(count))

    return [
        EncodedRow(input_ids=(1, *ids(read)), target_ids=(*ids(written - 1), 2)) for _, read, written in company.rows
    ]


def _leaves(contributions: Sequence[Contribution]) -> list[torch.Tensor]:
    return [
        tensor
        for item in contributions
        for tensor in ([item.vectors_PD] if isinstance(item, Embeds) else item.scales_W.values())
    ]


def _assert_equal_to_alone(shape: str, company: Company) -> None:
    loss, rows, adapter_of_row = _loss(shape), _rows(company), [adapter for adapter, *_ in company.rows]
    together, alone = (
        [_contributions(shape, length, scaled, seed) for seed, (length, scaled) in enumerate(company.adapters)]
        for _ in range(2)
    )

    nats_B = loss.nats(rows, together, adapter_of_row)
    if nats_B.requires_grad:
        nats_B.sum().backward()

    for row, adapter, nats in zip(rows, adapter_of_row, nats_B, strict=True):
        expected_1 = loss.nats([row], [alone[adapter]], [0])
        if expected_1.requires_grad:
            expected_1.sum().backward()
        assert nats.item() == pytest.approx(expected_1.item(), rel=LOSS_BOUND)
    for mine, own in zip(map(_leaves, together), map(_leaves, alone), strict=True):
        largest = max((tensor.grad.abs().max().item() for tensor in own if tensor.grad is not None), default=0.0)
        for found, expected in zip(mine, own, strict=True):
            if expected.grad is None:
                assert found.grad is None, "a gradient reaches an adapter without rows"
            else:
                torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=GRADIENT_BOUND * largest)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=examples(25), deadline=None)
@given(company=companies())
def test_losses_and_gradients_in_any_company_equal_those_alone(shape, company):
    _assert_equal_to_alone(shape, company)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
@settings(max_examples=examples(10), deadline=None)
@given(company=companies())
def test_models_whose_layers_share_no_prompt_have_the_same_losses_and_gradients(shape, company):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_loss, "prompt_states", lambda base, adapters: None)
        _assert_equal_to_alone(shape, company)


@pytest.mark.parametrize("broken", ["prompt", "factors"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_adapter_that_is_not_finite_touches_no_row_and_no_gradient_of_another(shape, broken):
    company = Company(
        adapters=[(3, True), (7, True), (0, True), (5, False), (0, False)],
        rows=[(place, 3 + 4 * place, 1 + place % 3) for place in (0, 1, 2, 3, 4, 0, 1, 2)],
    )
    loss, rows, adapter_of_row = _loss(shape), _rows(company), [adapter for adapter, *_ in company.rows]
    adapters = [_contributions(shape, length, scaled, seed) for seed, (length, scaled) in enumerate(company.adapters)]
    alone = [_contributions(shape, length, scaled, seed) for seed, (length, scaled) in enumerate(company.adapters)]
    with torch.no_grad():
        for item in adapters[0]:
            if isinstance(item, Embeds) and broken == "prompt":
                item.vectors_PD.fill_(torch.nan)
            elif isinstance(item, Affine) and broken == "factors":
                for scale_W in item.scales_W.values():
                    scale_W.fill_(torch.inf)

    nats_B = loss.nats(rows, adapters, adapter_of_row)
    nats_B.sum().backward()

    for row, adapter, nats in zip(rows, adapter_of_row, nats_B, strict=True):
        if adapter:
            expected_1 = loss.nats([row], [alone[adapter]], [0])
            assert nats.item() == pytest.approx(expected_1.item(), rel=LOSS_BOUND)
            if expected_1.requires_grad:
                expected_1.sum().backward()
        else:
            assert not nats.isfinite()
    for mine, own in zip(map(_leaves, adapters[1:]), map(_leaves, alone[1:]), strict=True):
        for found, expected in zip(mine, own, strict=True):
            torch.testing.assert_close(found.grad, expected.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_several_contributions_of_a_kind_are_combined(shape):
    spec, row = _spec(shape), EncodedRow(input_ids=(1, 40, 41, 2), target_ids=(50, 2))
    first, second = prompt_vectors(2, 1), prompt_vectors(3, 2)
    ones, others = site_scales(spec, 1), site_scales(spec, 2)

    apart_1 = _loss(shape).nats(
        [row],
        [[Embeds(vectors_PD=first), Affine(scales_W=ones), Affine(scales_W=others), Embeds(vectors_PD=second)]],
        [0],
    )

    product = {name: scale_W * others[name] for name, scale_W in ones.items()}
    joined = [Embeds(vectors_PD=torch.cat([first, second])), Affine(scales_W=product)]
    assert torch.equal(apart_1, _loss(shape).nats([row], [joined], [0]))


@pytest.mark.parametrize(
    ("contributions", "match"),
    [
        ([Embeds(vectors_PD=torch.zeros(2, 8))], "must have the width 16"),
        ([Embeds(vectors_PD=torch.zeros(2, 8)), Embeds(vectors_PD=torch.zeros(2, 16))], "cannot be joined"),
        ([Affine(scales_W={"nowhere": torch.ones(4)})], "no site 'nowhere'"),
        (
            [Affine(scales_W={"nowhere": torch.ones(4)}), Affine(scales_W={"nowhere": torch.ones(5)})],
            "cannot be multiplied",
        ),
    ],
)  # fmt: skip
def test_contributions_that_do_not_fit_are_refused(contributions, match):
    row = EncodedRow(input_ids=(1, 40, 2), target_ids=(50, 2))

    with pytest.raises(ValueError, match=match):
        _loss("bart").nats([row], [contributions], [0])
