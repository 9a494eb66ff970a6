"""The spans of the jobs at a worker."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from factories.logs import captured_logs
from factories.spans import RecordedSpans
from factories.workers import StopWhenIdle
from foreword.scheduling.job_traces import JobTraces
from foreword.scheduling.worker import Worker

pytest.importorskip("opentelemetry.sdk", reason="needs the extra tracing")


def test_every_job_has_a_span_with_its_end_and_no_texts(shop: Any) -> None:
    good, bad = shop.queue_run(), shop.queue_run(task="nothing-installed")
    spans = RecordedSpans()
    with captured_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, traces=JobTraces(spans.tracer))).run(StopWhenIdle())

    found = {span.attributes["foreword.job.id"]: span for span in spans.named("job tune")}
    assert set(found) == {good.id, bad.id}
    done, failed = found[good.id], found[bad.id]
    facts = dict(done.attributes)
    assert facts.pop("foreword.queue_seconds") >= 0
    assert facts == {
        "foreword.job.kind": "tune",
        "foreword.job.id": good.id,
        "foreword.job.epoch": 1,
        "foreword.job.outcome": "succeeded",
        "foreword.tenant": good.tenant,
    }
    assert done.parent is failed.parent is None
    assert not done.links, "the request that created it was not traced"
    assert failed.attributes["foreword.job.outcome"] == "failed"
    assert failed.attributes["error.type"] == shop.repository.get(bad.id).failure.reason
    assert (done.status.is_ok, failed.status.is_ok) == (True, False)
    assert not failed.events
    for event, id in (("experiment_leased", good.id), ("experiment_succeeded", good.id), ("experiment_failed", bad.id)):
        [line] = [line for line in logs if line["event"] == event and line["experiment"] == id]
        assert line["trace_id"] == f"{found[id].context.trace_id:032x}"
