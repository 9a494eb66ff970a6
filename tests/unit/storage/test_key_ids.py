"""Ids of API keys."""

from __future__ import annotations

import re
import secrets

from foreword.storage.repositories.key_ids import KeyIds

IDS = KeyIds(b"a" * 32)


def test_ids_are_recognised_by_the_service_that_created_them_only():
    created = [IDS.new() for _ in range(100)]

    assert len(set(created)) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", id) for id in created)
    assert all(map(IDS.recognises, created))
    assert not any(map(KeyIds(b"b" * 32).recognises, created))


def test_invented_ids_are_not_recognised():
    assert not any(IDS.recognises(secrets.token_hex(8)) for _ in range(1000))
