"""Frames of what a real server reports."""

import sys
import time
from datetime import UTC, datetime

import pandas as pd
import pytest

from factories.clients import DrivenAsyncClient
from foreword.client import CapturePolicy, Client, DriftKind, DriftMeasure, DriftReport, DriftVerdict, frames
from foreword.domain.tenant import Scope
from foreword.errors import FailedPreconditionError
from foreword.samples import sample_path


@pytest.fixture
def client(server):
    with Client(server.endpoint, server.new_key(f"frames-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


@pytest.fixture
def report(client):
    return client.check_dataset(sample_path("complaints_v2"))


def test_findings_are_a_frame_to_filter(report):
    found = frames.findings(report)

    warnings = found[found["severity"] == "warning"]
    assert list(warnings["message"]) == [item.message for item in report.warnings]
    assert warnings["remedy"].str.len().min() > 0


def test_every_part_of_a_report_is_a_frame_with_numbers_to_count_with(report):
    parts = {item.id: frames.part(item) for item in report.parts}

    assert parts["label_sets"].set_index("labels")["rows"]["Warehouse"] == 8
    assert parts["label_sets"].set_index("labels")["rows"]["Warehouse, Packaging"] == 5
    together = parts["co_occurrence"]
    assert together.loc["Warehouse", "Packaging"] == together.loc["Packaging", "Warehouse"] > 0
    lengths = next(frame for id, frame in parts.items() if "length" in id)
    assert lengths["count"].sum() == report.row_count
    assert (lengths["upper"] > lengths["lower"]).all()


def test_labels_that_look_like_numbers_stay_text(client):
    report = client.check_dataset([{"input": f"text {number}", "output": str(number % 2)} for number in range(40)])

    counts = next(frames.part(item) for item in report.parts if item.id == "label_counts")
    assert sorted(counts["label"]) == ["0", "1"]
    assert counts["rows"].sum() == 40


def test_without_pandas_the_remedy_is_named(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(FailedPreconditionError, match=r"pip install .*\[pandas\]'"):
        frames.findings(report)


@pytest.mark.parametrize("kind", [Client, DrivenAsyncClient])
def test_a_frame_can_be_checked_uploaded_and_tuned_on(server, kind):
    frame = pd.DataFrame(
        [(f"Complaint {number} about {label}", label) for number in range(10) for label in ("Service", "Warehouse")],
        columns=["input", "output"],
    )
    with kind(server.endpoint, server.new_key(f"frames-{time.time_ns()}")) as client:
        assert client.check_dataset(frame).row_count == 20
        assert client.upload_dataset(frame, display_name="frame").row_count == 20
        run = client.tune(frame.itertuples(index=False, name=None), display_name="pairs")
        client.cancel_tune_experiment(run)
        assert client.list_dataset_rows(run.dataset, limit=1)[0].output == "Service"


def test_captured_requests_are_a_frame_with_their_feedback(client):
    client.create_deployment("baseModels/foreword--starter", serving_name="triage", capture=CapturePolicy(share=1.0))
    answers = [client.classify("triage", text, labels=["Good", "Bad"]) for text in ("Fine", "Broken", "Well")]
    client.submit_feedback("triage", answers[0], labels=answers[0].labels)
    client.submit_feedback("triage", answers[1], score=0.5, comment="Hm")

    found = frames.captured_requests(client.list_captured_requests("triage"))

    assert list(found["input"]) == ["Well", "Broken", "Fine"]
    assert found.loc[answers[0].request_id, "right"] == answers[0].labels[0]
    assert bool(found.loc[answers[0].request_id, "correct"]) is True
    assert (found.loc[answers[1].request_id, "score"], found.loc[answers[1].request_id, "comment"]) == (0.5, "Hm")
    assert found["probability"].between(0, 1).all()


def test_drift_is_a_frame_with_a_row_for_each_measure():
    measures = [
        DriftMeasure(
            kind=kind, verdict=DriftVerdict.STABLE, request_count=120, reference_count=60, value=0.01, tolerance=0.02
        )
        for kind in DriftKind
    ]
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    report = DriftReport(
        model="m",
        request_count=120,
        first_time=moment,
        last_time=moment,
        measure_time=moment,
        measures=tuple(measures),
    )

    found = frames.drift(report)

    assert list(found.index) == ["input_length", "input_words", "answers", "confidence", "abstention"]
    assert (found["value"] < found["tolerance"]).all()
