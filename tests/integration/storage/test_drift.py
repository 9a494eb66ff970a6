"""Reports of drift: when they are due, and the event that several with a drift in a row make."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from factories.captures import see
from factories.stored_webhooks import StoredWebhook
from foreword.domain.capture import CapturePolicy
from foreword.domain.drift import DriftKind, DriftMeasure, DriftReport, DriftVerdict
from foreword.domain.model_reference import ModelReference
from foreword.names import DeploymentName
from foreword.storage.captures.drift import DriftSchedule
from foreword.storage.captures.ledger import CaptureLedger
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.tables import DriftReportRow

GUIDE = Path(__file__).parents[3] / "deploy" / "webhooks.md"
DRIFTED, STABLE = DriftVerdict.DRIFTED, DriftVerdict.STABLE


class Monitored:
    """A deployment that captures requests, each of which makes it due."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.webhook = StoredWebhook(database)
        self.deployments = DeploymentRepository(database, "acme")
        self.created = self.deployments.create(
            space="default",
            id="triage",
            serving_name="triage",
            model=ModelReference(base_model="foreword--starter"),
            capture=CapturePolicy(share=1.0),
        )
        self.schedule = DriftSchedule(database)
        self._requests = 0

    def look(self, verdict: DriftVerdict, model: str = "m") -> bool:
        """Store the report on one more request, and return whether it confirms a drift."""
        self._requests += 1
        name = DeploymentName("acme", "default", "triage")
        ledger = CaptureLedger(self.database, max_tenant_bytes=10**7)
        ledger.add(name, self.created.create_time, [see(f"r{self._requests}")])
        with self.database.write() as session:
            session.execute(update(DriftReportRow).values(due_time=datetime(2020, 1, 1, tzinfo=UTC)))
        (due,) = self.schedule.take_due()
        return self.schedule.store(due, report(verdict, model))


def report(verdict: DriftVerdict, model: str) -> DriftReport:
    words = DriftMeasure(
        kind=DriftKind.INPUT_WORDS,
        verdict=verdict,
        request_count=150,
        reference_count=200,
        value=0.08,
        lower=0.06,
        upper=0.1,
        p_value=0.0005,
        tolerance=0.02,
    )
    lengths = DriftMeasure(
        kind=DriftKind.INPUT_LENGTH, verdict=STABLE, request_count=150, reference_count=200, value=0.0, tolerance=0.02
    )
    return DriftReport(
        model=model,
        request_count=150,
        first_time=None,
        last_time=None,
        measure_time=datetime(2026, 1, 31, tzinfo=UTC),
        measures=(lengths, words),
    )


def test_a_drift_has_one_event_until_it_has_ended(database: Database):
    monitored = Monitored(database)

    verdicts = (STABLE, *[DRIFTED] * 6, STABLE, *[DRIFTED] * 4)
    looks = [monitored.look(verdict) for verdict in verdicts]

    assert [place for place, confirms in enumerate(looks) if confirms] == [4, 11]
    first, _ = monitored.webhook.events()
    assert first["type"] == "deployment.drifted"
    assert first["data"] == {
        "resource": "tenants/acme/spaces/default/deployments/triage",
        "serving_name": "triage",
        "model": "m",
        "requests": 150,
        "measures": [{"measure": "input_words", "value": 0.08, "tolerance": 0.02}],
    }
    assert [field for field in first["data"] if f"`{field}`" not in GUIDE.read_text()] == []


def test_a_drift_of_another_model_is_another_drift(database: Database):
    monitored = Monitored(database)

    assert [monitored.look(DRIFTED, model) for model in "mmmmnnnn"] == [False, False, False, True] * 2


def test_a_false_look_now_and_then_is_no_event(database: Database):
    monitored = Monitored(database)

    looks = [monitored.look(verdict) for verdict in (DRIFTED, STABLE, DRIFTED, DRIFTED, DRIFTED, STABLE)]

    assert not any(looks)
    assert monitored.webhook.events() == []


def test_a_drift_that_was_told_before_looks_were_counted_is_not_told_again(database: Database):
    monitored = Monitored(database)
    monitored.look(DRIFTED)
    with database.write() as session:
        session.execute(update(DriftReportRow).values(drifted_looks=None))

    assert [monitored.look(DRIFTED) for _ in range(5)] == [False] * 5


def test_no_report_is_stored_for_a_deployment_that_was_deleted(database: Database):
    monitored = Monitored(database)
    monitored.look(STABLE)
    with database.write() as session:
        session.execute(update(DriftReportRow).values(due_time=datetime(2020, 1, 1, tzinfo=UTC), last_request=0))
    (due,) = monitored.schedule.take_due()
    monitored.deployments.delete("default", "triage")

    assert not monitored.schedule.store(due, report(DRIFTED, "m"))
    assert monitored.webhook.events() == []
    assert monitored.schedule.reports(10) == []
