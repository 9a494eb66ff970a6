"""Rows that look mislabelled, from the service to the client's frame."""

from __future__ import annotations

import time

import pytest

from factories.stored import make_suspect_rows
from foreword.client import Client, frames
from foreword.domain.resource_view import ResourceView
from foreword.domain.tenant import Scope

ROWS = [
    {"input": f"Complaint {number} about {label}", "output": label}
    for number in range(20)
    for label in ("Service", "Warehouse")
]


@pytest.fixture
def client(server):
    with Client(server.endpoint, server.new_key(f"suspects-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


def test_suspect_rows_come_with_the_run_alone_and_with_full_lists(client, server):
    run = client.tune(ROWS, display_name="run")
    assert run.suspect_rows is None
    assert frames.suspect_rows(run).empty

    server.tune_by_hand(run.name, suspect_rows=make_suspect_rows(run.dataset.rsplit("/", 1)[-1], count=3))

    found = client.get_tune_experiment(run)
    (basic,) = client.list_tune_experiments()
    (full,) = client.list_tune_experiments(view=ResourceView.FULL)
    (watched,) = client.watch_tune_experiment(run)
    assert [item.row for item in found.suspect_rows.rows] == [1, 2, 3]
    assert {item.dataset for item in found.suspect_rows.rows} == {run.dataset}
    assert (found.suspect_rows.examined_row_count, found.suspect_rows.row_count) == (200, 200)
    assert basic.suspect_rows is None
    assert full.suspect_rows == watched.suspect_rows == found.suspect_rows
    frame = frames.suspect_rows(found)
    assert list(frame.columns) == ["dataset", "row", "loss", "input", "output", "prediction"]
    assert frame.loc[0].to_dict() == {
        "dataset": run.dataset, "row": 1, "loss": 9.5, "input": "Where is it?", "output": "L3",
        "prediction": "Warehouse",
    }  # fmt: skip
