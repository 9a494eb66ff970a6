"""Keys of administrators beside a session: how long they stay in memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from foreword.http.studio import administration
from foreword.http.studio.administration import UNLOCKED_SECONDS, Administrators


async def test_nothing_stays_in_memory_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, clock = Administrators(), SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(administration, "time", clock)
    kept.keep("old", "fw_admin")
    kept.keep_new("old", "tenants/acme/apiKeys/k", "fw_new")
    clock.monotonic = lambda: 99.0 + UNLOCKED_SECONDS
    kept.keep("young", "fw_other")
    assert kept.key("old") == "fw_admin"

    clock.monotonic = lambda: 101.0 + UNLOCKED_SECONDS

    assert kept.key("young") == "fw_other"
    assert len(kept._keys) == 1
    assert not kept._new


async def test_what_is_kept_for_a_session_ends_with_it_and_is_not_that_of_another() -> None:
    kept = Administrators()
    for session in ("a", "b"):
        kept.keep(session, f"fw_{session}")
        kept.keep_new(session, "tenants/acme/apiKeys/k", f"fw_new_{session}")

    kept.end("a")

    assert (kept.key("a"), kept.take_new("a")) == (None, None)
    assert (kept.key("b"), kept.take_new("b")) == ("fw_b", ("tenants/acme/apiKeys/k", "fw_new_b"))
    assert kept.take_new("b") is None
