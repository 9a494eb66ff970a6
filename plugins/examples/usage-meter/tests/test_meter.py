from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from foreword.domain.inference import TokenUsage
from foreword.domain.inference_call import InferenceCall, InferenceOutcome
from foreword_usage_meter.meter import Meter
from foreword_usage_meter.plugin import after_generate

USAGE = TokenUsage(input_tokens=7, generated_tokens=3, soft_prompt_tokens=16)


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM usage ORDER BY day, tenant").fetchall()


def test_requests_of_a_day_are_added_up_by_tenant(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    for tenant in ("acme", "acme", "bolts"):
        Meter(path).count(tenant, "starter", USAGE, date(2026, 3, 1))
    Meter(path).count("acme", "starter", USAGE, date(2026, 3, 2))

    assert rows(path) == [
        ("2026-03-01", "acme", "starter", 2, 14, 6),
        ("2026-03-01", "bolts", "starter", 1, 7, 3),
        ("2026-03-02", "acme", "starter", 1, 7, 3),
    ]


def test_a_request_that_failed_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_METER_DATABASE", str(tmp_path / "usage.db"))
    call = InferenceCall(id="1", tenant="acme", base_model="starter")

    after_generate(call, InferenceOutcome(usage=None, seconds=0.1, error="CANCELLED"))
    after_generate(call, InferenceOutcome(usage=USAGE, seconds=0.1))

    assert [row[1:] for row in rows(tmp_path / "usage.db")] == [("acme", "starter", 1, 7, 3)]
