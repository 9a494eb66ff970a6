from __future__ import annotations

import pytest

from foreword.errors import FailedPreconditionError
from foreword.plugin.memory import check_memory, measured_bytes, total_bytes


def test_weights_that_do_not_fit_are_refused_with_both_sizes_and_a_remedy():
    with pytest.raises(FailedPreconditionError, match=r"29\.8 GiB in float32, and cpu has 8\.0 GiB") as raised:
        check_memory("m", parameter_count=8 * 10**9, dtype="float32", device="cpu", available_bytes=8 * 2**30)

    assert raised.value.reason == "BASE_MODEL_TOO_LARGE"
    assert "FOREWORD_DTYPE=bfloat16" in raised.value.message
    assert raised.value.metadata == {"needed_bytes": str(32 * 10**9), "available_bytes": str(8 * 2**30)}


def test_half_the_bytes_are_needed_in_bfloat16():
    check_memory("m", parameter_count=100, dtype="bfloat16", device="cpu", available_bytes=200)

    with pytest.raises(FailedPreconditionError) as raised:
        check_memory("m", parameter_count=101, dtype="bfloat16", device="cpu", available_bytes=200)
    assert "FOREWORD_DTYPE" not in raised.value.message


def test_the_memory_of_this_machine_is_measured():
    available = measured_bytes("cpu")

    assert available is not None
    assert 2**20 < available < 2**50


def test_a_device_with_unknown_memory_is_not_checked():
    check_memory("m", parameter_count=10**15, dtype="float32", device="mps")


def test_the_error_about_a_missing_accelerator_names_the_setting():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(FailedPreconditionError, match="FOREWORD_DEVICE is cuda") as raised:
        check_memory("m", parameter_count=1, dtype="float32", device="cuda")
    assert raised.value.reason == "DEVICE_MISSING"


def test_free_memory_does_not_exceed_total_memory():
    available, total = measured_bytes("cpu"), total_bytes("cpu")

    assert available is not None
    assert total is not None
    assert available <= total
