"""The bot counts decisions and corrections without naming a person, a channel or a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from factories.scrapes import Scrape
from foreword.observability.metrics.labels import OTHER
from foreword_slack.hooks import ComplaintCorrected, RoutingDecided
from foreword_slack.metrics import BotMetrics
from foreword_slack.routing import Decision, Reason, ReasonCode
from foreword_slack.routing.decision import Guess, Target
from foreword_slack.store import Operation
from foreword_slack.store.post_queue import Sending

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GUESS = Guess(labels=("Service",), probability=0.9)


class Counted:
    """A bot's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.metrics = BotMetrics(lambda: NOW, self._registry)

    def decide(self, decision: Decision, actor: str = "") -> None:
        self.metrics.observe(
            RoutingDecided(
                key="1", team="T1", complaint="C9:1.1", text="Broken", decision=decision, actor=actor, time=NOW
            )
        )

    def correct(self, said: tuple[str, ...], corrected: tuple[str, ...]) -> None:
        self.metrics.observe(
            ComplaintCorrected(
                key="1",
                team="T1",
                complaint="C9:1.1",
                text="Broken",
                said=said,
                corrected=corrected,
                actor="U7",
                time=NOW,
            )
        )

    def scrape(self) -> Scrape:
        return Scrape(generate_latest(self._registry).decode())


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_decisions_are_counted_by_outcome(counted: Counted):
    counted.decide(Decision(targets=(Target(label="Service", channel="C1", probability=0.9),), guess=GUESS))
    counted.decide(Decision(reasons=(Reason(code=ReasonCode.SMALL_MARGIN, text="x"),), guess=GUESS))
    counted.decide(Decision(reasons=(Reason(code=ReasonCode.MODEL_FAILED, text="x"),)))
    counted.decide(Decision(targets=(Target(label="Warehouse", channel="C2"),), guess=GUESS), actor="U7")
    found = counted.scrape()

    outcomes = {
        outcome: found.value("foreword_slack_complaints_total", team="T1", outcome=outcome)
        for outcome in ("auto", "review", "fallback", "person")
    }
    assert outcomes == dict.fromkeys(outcomes, 1)
    assert found.labels("foreword_slack_routes_total", "department") == {"Service", "Warehouse"}
    assert found.value("foreword_slack_confidence_count") == 2, "a person's decision says nothing of the model"
    assert not [secret for secret in ("U7", "C9", "C1", "Broken") if secret in found.text]


def test_a_correction_counts_each_wrong_label_with_the_right_one(counted: Counted):
    counted.correct(("Service", "Planning"), ("Planning", "Warehouse"))
    counted.correct(("Service",), ("Service", "Marketing"))
    counted.correct(("Service",), ("Service",))
    found = counted.scrape()

    assert found.value("foreword_slack_corrections_total", **{"from": "Service", "to": "Warehouse"}) == 1
    assert found.value("foreword_slack_corrections_total", **{"from": "none", "to": "Marketing"}) == 1
    assert found.value("foreword_slack_corrected_complaints_total", team="T1") == 2


def test_labels_without_end_share_one_series(counted: Counted):
    for number in range(300):
        counted.correct((f"wrong {number}",), (f"right {number}",))
    found = counted.scrape()

    assert len(found.labels("foreword_slack_corrections_total", "from")) == 101
    assert found.value("foreword_slack_corrections_total", **{"from": OTHER, "to": OTHER}) == 200


def sending(complaint: str | None, operation: Operation = Operation.POST) -> Sending:
    return Sending(
        key=1, epoch=1, team="T1", name="x", operation=operation, channel="C1", target_ts=None, complaint=complaint,
        payload={}, unsure=False, attempt=1, create_time=NOW, first_send_time=NOW,
    )  # fmt: skip


def test_a_post_is_timed_from_the_message_of_its_complaint(counted: Counted):
    counted.metrics.sent(sending(f"C9:{(NOW - timedelta(seconds=20)).timestamp():.6f}"))
    counted.metrics.sent(sending(None))
    counted.metrics.sent(sending("C9::a-command"))
    counted.metrics.sent(sending("C9:1.1", Operation.UPDATE))
    found = counted.scrape()

    assert found.value("foreword_slack_complaint_to_post_seconds_count") == 1
    assert found.value("foreword_slack_complaint_to_post_seconds_sum") == pytest.approx(20, abs=0.001)
