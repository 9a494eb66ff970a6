from __future__ import annotations

import torch

from foreword.network.adapter import Adapter
from foreword.network.row_adapters import RowAdapters

PATH, OTHER = "layers.0.fc2", "layers.1.fc2"


def _adapter(length: int = 0, **factors_W: float) -> Adapter:
    return Adapter(
        vectors_PD=torch.zeros(length, 2),
        factors_W={path: torch.full((3,), factor) for path, factor in factors_W.items()},
    )


def test_rows_without_factors_have_ones_in_a_batch_with_factors():
    scaled, elsewhere = _adapter(**{PATH: 2.0}), _adapter(**{OTHER: 5.0})

    rows = RowAdapters([scaled, None, elsewhere, scaled, _adapter(4)])

    assert rows.factors[PATH][:, 0, 0].tolist() == [2.0, 1.0, 1.0, 2.0, 1.0]
    assert rows.factors[OTHER][:, 0, 0].tolist() == [1.0, 1.0, 5.0, 1.0, 1.0]


def test_rows_of_one_adapter_share_its_factors_without_a_copy():
    adapter = _adapter(**{PATH: 2.0})

    assert RowAdapters([adapter] * 5).factors[PATH] is adapter.factors_W[PATH]


def test_a_batch_without_factors_has_none():
    assert not RowAdapters([None, _adapter(3)]).factors


def test_the_prompt_of_each_row_is_found_among_the_adapters_that_have_one():
    short, long, scaled = _adapter(2), _adapter(7), _adapter(**{PATH: 2.0})

    rows = RowAdapters([scaled, long, None, short, long])

    assert rows.prompt_lengths == [0, 7, 0, 2, 7]
    assert rows.prompted == ([long, short], [None, 0, None, 1, 0])


def test_rows_in_flight_keep_their_factors_as_others_come_and_go():
    double, triple = _adapter(**{PATH: 2.0}), _adapter(**{PATH: 3.0})

    rows = RowAdapters([double, None, triple]).picked(torch.tensor([2, 0, 2])).joined(RowAdapters([None, double]))

    assert rows.factors[PATH][:, 0, 0].tolist() == [3.0, 2.0, 3.0, 1.0, 2.0]
    assert len(rows) == 5


def test_the_gradient_of_a_row_reaches_only_its_own_factors():
    first, second = _adapter(**{PATH: 2.0}), _adapter(**{PATH: 3.0})
    for adapter in (first, second):
        adapter.factors_W[PATH].requires_grad_()

    RowAdapters([first, second, first]).factors[PATH][2].sum().backward()

    assert first.factors_W[PATH].grad.tolist() == [1.0, 1.0, 1.0]
    assert second.factors_W[PATH].grad.tolist() == [0.0, 0.0, 0.0]
