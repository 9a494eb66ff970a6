from __future__ import annotations

import asyncio
import time

import pytest

from factories.logs import captured_logs
from foreword.server.callers import failed_keys
from foreword.server.callers.failed_keys import FailedKeys


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_keys, "_DELAY_SECONDS", 0.0)


async def test_one_line_counts_the_failures_by_client():
    failed = FailedKeys(per_minute=3)
    with captured_logs() as lines:
        for client, count in (("192.0.2.1", 50), ("192.0.2.2", 2)):
            for _ in range(count):
                await failed.record(client, 0.0)
        assert lines == []
        failed.close()
    assert [line["event"] for line in lines] == ["wrong_keys_refused"]
    assert lines[0]["refusals"] == 52
    assert lines[0]["refusals_by_client"] == {"192.0.2.1": 50, "192.0.2.2": 2}


async def test_the_line_is_written_after_a_minute_and_the_next_one_counts_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failed_keys, "_LOG_SECONDS", 0.01)
    failed = FailedKeys(per_minute=3)
    with captured_logs() as lines:
        for expected in (1, 2):
            await failed.record("192.0.2.1", 0.0)
            for _ in range(500):
                if len(lines) == expected:
                    break
                await asyncio.sleep(0.01)
    assert [line["refusals"] for line in lines] == [1, 1]


async def test_a_client_over_its_limit_gets_another_error_and_others_do_not():
    failed = FailedKeys(per_minute=3)
    errors = [await failed.record("192.0.2.1", 0.0) for _ in range(4)]
    assert errors[:3] == [None] * 3
    assert errors[3] is not None
    assert errors[3].reason == "TOO_MANY_FAILED_KEYS"
    assert errors[3].retry_after.total_seconds() == 20
    assert failed.exhausted("192.0.2.1", 0.0)
    assert not failed.exhausted("192.0.2.1", 20.0)
    assert await failed.record("192.0.2.2", 0.0) is None


async def test_the_pause_leaves_time_for_the_error_to_arrive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failed_keys, "_DELAY_SECONDS", 60.0)
    failed = FailedKeys(per_minute=1)
    await failed.record("192.0.2.1", 0.0)
    begin = time.monotonic()
    assert await failed.record("192.0.2.1", 0.0, remaining_seconds=0.2) is not None
    assert 0.1 <= time.monotonic() - begin < 10


async def test_the_number_of_clients_that_are_counted_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failed_keys, "_COUNTED_CLIENTS", 2)
    failed = FailedKeys(per_minute=3)
    for number in range(5):
        await failed.record(f"192.0.2.{number}", 0.0)
    with captured_logs() as lines:
        failed.close()
    assert lines[0]["refusals_by_client"] == {"192.0.2.0": 1, "192.0.2.1": 1, "others": 3}
