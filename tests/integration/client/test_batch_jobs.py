"""Batch jobs through the client, against a real service without workers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import pytest

from factories.servers import RunningServer
from foreword.client import Client, JobState, LabelOptions, Scope, frames
from foreword.errors import InvalidArgumentError, InvalidRowsError, NotFoundError

BASE = "baseModels/foreword--starter"
LABELS = LabelOptions(labels=("Warehouse", "Service"))


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected
        # Other tests of this service lease jobs by hand.
        for job in connected.list_batch_jobs(filter="state = QUEUED"):
            connected.cancel_batch_job(job)


def test_a_frame_gets_the_columns_of_its_answers(server: RunningServer, client: Client) -> None:
    texts = ["Two screws are missing.", "word " * 900, "Nobody answers."]
    frame = pd.DataFrame({"ticket": ["a", "b", "c"], "input": texts}, index=[10, 20, 30])

    job = client.batch(frame, BASE, display_name="March", classify=LABELS, wait=False)
    assert (job.state, job.display_name, job.method, job.plan.row_count) == (
        JobState.QUEUED, "March (1)", "classify", 3,
    )  # fmt: skip
    assert client.get_dataset(job.dataset).unlabelled
    server.evaluate(job.name)
    ended = client.wait_for_batch_job("March")
    answers = list(client.list_batch_answers(ended))
    found = frames.batch_answers(answers, frame)

    assert [answer.fields for answer in answers] == [{"ticket": "a"}, {"ticket": "b"}, {"ticket": "c"}]
    alone = frames.batch_answers(answers)
    assert (list(alone.columns)[:3], list(alone["ticket"])) == (["ticket", "input", "answer"], ["a", "b", "c"])
    assert (ended.state, ended.progress.failed_count) == (JobState.SUCCEEDED, 1)
    assert list(found.index) == [10, 20, 30]
    assert list(found.columns)[:3] == ["ticket", "input", "answer"]
    assert set(found["answer"][[10, 30]]) <= {"Warehouse", "Service"}
    assert (found["answer"][20], "900" in found["error"][20] or "tokens" in found["error"][20]) == ("", True)
    assert [answer.row for answer in client.list_batch_answers(ended, after_row=1, limit=1)] == [2]
    assert [answer.row for answer in client.list_batch_answers(ended, selection="failed")] == [2]
    with pytest.raises(InvalidArgumentError, match="has 1 row, but there is an answer to row 3"):
        frames.batch_answers(answers, frame[:1])
    with pytest.raises(InvalidArgumentError, match="has another input in row 1"):
        frames.batch_answers(answers, frame[::-1])


def test_texts_are_answered_and_the_job_is_cancelled_and_deleted(client: Client) -> None:
    texts = ["Two screws are missing.", "Nobody answers."]
    made = client.batch(texts, BASE, generate={"max_new_tokens": 2}, wait=False)

    assert made.method == "generate"
    assert client.cancel_batch_job(made).state is JobState.CANCELLED
    assert [item.state for item in client.watch_batch_job(made)] == [JobState.CANCELLED]
    assert list(client.list_batch_answers(made)) == []
    client.delete_batch_job(made)
    assert client.list_batch_jobs() == []


def test_what_is_wrong_with_the_model_shows_before_the_rows_are_read(client: Client) -> None:
    read = []
    rows = (read.append(text) or text for text in ["fine"])

    with pytest.raises(NotFoundError, match="nobody"):
        client.batch(rows, "nobody")
    with pytest.raises(NotFoundError, match="nobody"):
        client.evaluate(({"input": text, "output": text} for text in rows), ["nobody"])

    assert read == []


@pytest.mark.parametrize(
    ("rows", "model", "options", "error"),
    [
        (["fine", ""], BASE, {}, InvalidRowsError),
        (["fine"], "nobody", {}, NotFoundError),
        (["fine"], BASE, {"classify": LabelOptions(labels=("a",), threshold=2.0)}, InvalidArgumentError),
        ([3], BASE, {}, InvalidArgumentError),
        (["fine"], BASE, {"classify": LABELS, "generate": {}}, TypeError),
    ],
)
def test_a_refused_job_leaves_no_dataset(client: Client, rows, model, options, error) -> None:
    with pytest.raises(error):
        client.batch(rows, model, wait=False, **options)

    assert client.list_datasets() == client.list_batch_jobs() == []
