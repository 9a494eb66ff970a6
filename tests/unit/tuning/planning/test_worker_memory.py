"""Whether a run takes so little memory that it can share a worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories.runs import make_parameters, make_plan_of, make_rows
from factories.tiny_models import tiny_model
from foreword.tuning.planning.worker_memory import WorkerMemory

PLAN = make_plan_of(make_rows(20), make_parameters(max_input_tokens=100, max_output_tokens=20))
SPEC = replace(tiny_model("bart").spec, parameter_count=1_000_000_000)
GIB = 2**30
MEMORY = WorkerMemory(byte_size=10 * GIB, most_runs=8, device="cpu")


def alone(
    memory: WorkerMemory = MEMORY, *, dtype: str = "bfloat16", text: int = 1000, rows: int = 20, **changes
) -> str:
    """Return why a run is tuned alone."""
    found = memory.finding(SPEC, replace(PLAN, **changes), dtype=dtype, text_bytes=text, row_count=rows)
    assert found is None or found.code == "RUNS_ALONE"
    return found.message if found else ""


def test_a_small_run_shares_its_worker():
    assert not alone()


def test_a_run_with_many_rows_or_many_numbers_is_tuned_alone():
    rows = alone(text=GIB, rows=1_000_000)
    assert "take about 13,384 MiB of memory" in rows
    assert "leaves 1,042 MiB for each of 8 runs" in rows
    assert alone(trainable_parameter_count=10**8)


def test_long_rows_count_as_they_are_cut():
    assert not alone(text=GIB // 2, rows=1000)
    assert alone(text=GIB // 2, rows=100_000)


def test_a_base_model_that_fills_the_memory_leaves_no_room_for_company():
    assert "leaves 0 MiB" in alone(replace(MEMORY, byte_size=3 * GIB), dtype="float32")
    assert not alone(replace(MEMORY, byte_size=3 * GIB, device="cuda:0"), dtype="float32")


@pytest.mark.parametrize("memory", [replace(MEMORY, byte_size=None), replace(MEMORY, byte_size=0, most_runs=1)])
def test_nothing_is_said_where_the_memory_is_unknown_or_no_run_has_company(memory):
    assert not alone(memory, text=GIB, rows=10**6)
