"""The comparison that other tests rely on: it accepts near ties, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories.near_ties import TIE_NATS, assert_same_answer, same_order, same_rank
from factories.serving import decode_rows, load_adapter
from factories.tiny_models import tiny_model
from foreword.domain.inference import GenerateParameters, ReturnOptions
from foreword.inference.decoding.rows import DecodeRow
from foreword.inference.runner import ModelRunner

LOG_PROBS = {"a": -1.0, "b": -1.0 - TIE_NATS / 2, "c": -2.0}


@pytest.mark.parametrize("found", ["ab", "ba", "abc", "bac", "b"])
def test_near_ties_may_change_places(found):
    assert same_order(found, LOG_PROBS)


@pytest.mark.parametrize("found", ["ac", "acb", "c", "aa", "ad"])
def test_other_keys_may_not_change_places(found):
    assert not same_order(found, LOG_PROBS)


@pytest.mark.parametrize(("rank", "same"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_rank_may_lie_anywhere_among_its_near_ties(rank, same):
    assert same_rank(rank, LOG_PROBS["a"], list(LOG_PROBS.values())) is same


@pytest.fixture(scope="module")
def runner() -> ModelRunner:
    return ModelRunner(tiny_model("bart"))


@pytest.fixture(scope="module")
def row(runner) -> DecodeRow:
    options = ReturnOptions(generated_tokens=True, token_log_probabilities=True, top_n_tokens=3)
    parameters = GenerateParameters(max_new_tokens=6, min_new_tokens=6, return_options=options)
    return DecodeRow(ids=runner.tokenize("Long wait."), parameters=parameters)


def test_the_answer_of_the_row_passes(runner, row):
    assert_same_answer(runner, row, decode_rows(runner, [row])[0])


def test_the_answer_of_another_row_fails(runner, row):
    other = replace(row, adapter=load_adapter(runner, 9))
    with pytest.raises(AssertionError, match="not a near tie"):
        assert_same_answer(runner, row, decode_rows(runner, [other])[0])


def test_an_answer_that_ends_early_fails(runner, row):
    [whole] = decode_rows(runner, [row])
    with pytest.raises(AssertionError, match="ends early"):
        assert_same_answer(runner, row, replace(whole, ids=whole.ids[:-1]))


def test_a_wrong_rank_and_a_wrong_order_fail(runner, row):
    [whole] = decode_rows(runner, [row])
    first, *rest = whole.details
    swapped = replace(first, top=((first.top[1][0], first.top[0][1]), (first.top[0][0], first.top[1][1]), first.top[2]))
    for wrong in (replace(first, rank=first.rank + 1), swapped):
        with pytest.raises(AssertionError):
            assert_same_answer(runner, row, replace(whole, details=(wrong, *rest)))
