from __future__ import annotations

import pytest

from foreword.plugin import precision
from foreword.plugin.precision import choose_dtype


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_set_dtype_is_honoured(dtype):
    assert choose_dtype(dtype, "cpu") == dtype


def test_auto_is_float32_where_the_processor_would_emulate_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "_cpu_flags", lambda: frozenset({"avx2"}))
    precision._fastest.cache_clear()
    assert choose_dtype("auto", "cpu") == "float32"
    precision._fastest.cache_clear()


def test_auto_is_decided_once_per_process():
    assert choose_dtype("auto", "cpu") == choose_dtype("auto", "cpu")
