"""Keys of the artifact store: stored files stay in place, and no key points outside the root."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from foreword.errors import InvalidArgumentError
from foreword.storage.artifacts.keys import check_key, checkpoints_key, new_dataset_key, tuned_model_key

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)


def test_each_kind_of_artifact_is_where_earlier_versions_stored_it():
    digest = "0123456789abcdef" * 4

    assert tuned_model_key("acme", "model-1", digest) == "tenants/acme/tunedModels/model-1-0123456789abcdef"
    assert checkpoints_key("acme", "nightly", MOMENT) == "checkpoints/acme/nightly.20260131T120000123000"
    assert re.fullmatch(f"tenants/acme/datasets/{digest}-[0-9a-f]{{8}}", new_dataset_key("acme", digest))


def test_two_datasets_of_the_same_content_have_two_keys():
    assert new_dataset_key("acme", "ab" * 32) != new_dataset_key("acme", "ab" * 32)


def test_a_later_run_of_the_same_id_has_a_key_of_its_own():
    later = MOMENT + timedelta(microseconds=1)

    assert checkpoints_key("acme", "nightly", MOMENT) != checkpoints_key("acme", "nightly", later)


def test_the_key_of_checkpoints_does_not_depend_on_the_time_zone():
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))

    assert checkpoints_key("acme", "nightly", elsewhere) == checkpoints_key("acme", "nightly", MOMENT)


def test_every_key_that_is_made_is_one_that_the_store_takes():
    for key in (
        tuned_model_key("acme", "m", "ab" * 32),
        checkpoints_key("acme", "e", MOMENT),
        new_dataset_key("acme", "ab" * 32),
    ):
        assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "/etc", "a//b", "../a", "a/..", "a/.hidden", "a\\b", "a b", "a\x00", "ü", "a/"])
def test_a_key_that_could_lead_out_of_the_root_is_refused(key: str):
    with pytest.raises(InvalidArgumentError, match="not an artifact key"):
        check_key(key)
