"""The chain of audit records, and what breaks it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foreword.domain.audit import AuditChain, AuditRecord, ChainChecker, chain_fault, from_json, record_hash, to_json


def records(count: int) -> list[AuditRecord]:
    made: list[AuditRecord] = []
    for number in range(1, count + 1):
        record = AuditRecord(
            tenant="acme",
            sequence=number,
            time=datetime(2026, 1, 31, tzinfo=UTC) + timedelta(milliseconds=number),
            actor_tenant="acme",
            actor="0123456789abcdef",
            peer="203.0.113.9",
            method="DeploymentService/CreateSpace",
            resource=f"tenants/acme/spaces/größe-{number}",
            request_id="r",
            trace_id="",
            code="OK",
            reason="",
            changed_fields=("tags",),
            count=1,
            previous_hash=made[-1].hash if made else "",
            hash="",
        )
        made.append(replace(record, hash=record_hash(record)))
    return made


def chain_of(made: list[AuditRecord], anchor: int = 0) -> AuditChain:
    return AuditChain(
        tenant="acme",
        anchor_sequence=anchor,
        anchor_hash=made[anchor - 1].hash if anchor else "",
        last_sequence=made[-1].sequence,
        last_hash=made[-1].hash,
    )


def test_a_whole_chain_is_intact_also_behind_its_anchor_and_with_later_records():
    made = records(5)

    assert chain_fault(made, chain_of(made)) == ""
    assert chain_fault(made[2:], chain_of(made, anchor=2)) == ""
    assert chain_fault(made, chain_of(made[:4])) == ""
    assert (
        chain_fault([], AuditChain(tenant="", anchor_sequence=0, anchor_hash="", last_sequence=0, last_hash="")) == ""
    )


@pytest.mark.parametrize("gone", range(5))
def test_a_record_that_was_removed_is_missed(gone: int):
    made = records(5)

    assert f"record {gone + 1} is missing" in chain_fault(made[:gone] + made[gone + 1 :], chain_of(made))


@pytest.mark.parametrize("field", sorted(set(AuditRecord.__dataclass_fields__) - {"sequence", "hash", "previous_hash"}))
def test_a_change_of_any_field_is_noticed(field: str):
    made = records(3)
    value = getattr(made[1], field)
    other = {
        int: lambda: value + 1,
        str: lambda: value + "x",
        tuple: lambda: (),
        datetime: lambda: value + timedelta(microseconds=1),
    }[type(value)]()
    made[1] = replace(made[1], **{field: other})

    assert chain_fault(made, chain_of(records(3))) == "record 2 was altered"


def test_a_record_with_a_new_hash_breaks_the_link_to_the_next_one():
    made = records(3)
    forged = replace(made[1], actor="somebody else")
    made[1] = replace(forged, hash=record_hash(forged))

    assert "record 3 does not follow record 2" in chain_fault(made, chain_of(records(3)))
    assert "record 2 is not the one that the service has stored last" in chain_fault(made[:2], chain_of(records(2)))


def test_a_head_that_was_kept_elsewhere_shows_that_the_whole_chain_was_replaced():
    honest = records(4)
    forged = [replace(record, actor="somebody else") for record in honest]
    for place, record in enumerate(forged):
        linked = replace(record, previous_hash=forged[place - 1].hash if place else "")
        forged[place] = replace(linked, hash=record_hash(linked))
    assert chain_fault(forged, chain_of(forged)) == ""

    checker = ChainChecker(chain_of(forged), (3, honest[2].hash))

    faults = [checker.add(record) for record in forged]
    assert faults[:2] == ["", ""]
    assert "record 3 is not the one that was noted earlier" in faults[2]


def test_a_head_behind_the_end_shows_that_the_newest_records_were_removed():
    made = records(4)
    checker = ChainChecker(chain_of(made[:2]), (4, made[3].hash))

    assert [checker.add(record) for record in made[:2]] == ["", ""]
    assert "record 3 is missing" in checker.end()


def test_the_hash_is_that_of_the_exported_line_without_it():
    (record,) = records(1)
    exported = json.loads(json.dumps(to_json(record)))

    assert from_json(exported) == record
    hash = exported.pop("hash")
    line = json.dumps(exported, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(line.encode()).hexdigest() == hash


@pytest.mark.parametrize(
    "fault", [{"sequence": "1"}, {"time": "yesterday"}, {"time": "2026-01-31"}, {"more": 1}, {"hash": 1}]
)
def test_a_line_that_is_no_record_is_refused(fault: dict[str, object]):
    with pytest.raises(ValueError, match=r"is not a record|another type|time|isoformat"):
        from_json({**to_json(records(1)[0]), **fault})


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_other_json_is_refused(value: object):
    with pytest.raises(ValueError, match="is not a record"):
        from_json(value)
