"""A channel's posts are a second apart from the end of one, and other methods have budgets of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foreword_slack.delivery.budgets import Budgets
from foreword_slack.delivery.settings import OutboxSettings
from foreword_slack.store import Operation
from foreword_slack.store.post_queue import Sending

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sending(operation: Operation = Operation.POST, channel: str = "C1") -> Sending:
    return Sending(
        key=1, epoch=1, team="T1", name="x", operation=operation, channel=channel, target_ts=None, complaint=None,
        payload={}, unsure=False, attempt=1, create_time=START, first_send_time=START,
    )  # fmt: skip


def test_a_slow_post_is_followed_by_a_pause_although_its_channel_is_asked_about_meanwhile():
    budgets = Budgets(OutboxSettings())
    budgets.begin(sending(), at(0))
    for moment in (0.5, 1.0, 2.5):  # other channels are claimed
        assert "C1" in budgets.closed_channels(at(moment))
    budgets.end(sending(), at(3))

    assert budgets.closed_channels(at(3))["C1"] == pytest.approx(1.0)
    assert budgets.closed_channels(at(4)) == {}


def test_an_update_closes_no_channel_and_a_rate_limit_of_updates_delays_no_post():
    budgets = Budgets(OutboxSettings())
    update = sending(Operation.UPDATE)
    budgets.begin(update, at(0))
    budgets.block(update, at(0), 30.0)

    assert budgets.closed_channels(at(0)) == {}
    assert budgets.closed_operations(at(0)) == {Operation.UPDATE: pytest.approx(30.0)}
    assert budgets.permitted(Operation.UPDATE, at(0)) == 0
    assert budgets.permitted(Operation.EPHEMERAL, at(0)) > 0


def test_the_updates_of_any_minute_are_those_that_slack_permits():
    budgets = Budgets(OutboxSettings())
    made = 0
    for tenth in range(600):
        permitted = budgets.permitted(Operation.UPDATE, at(tenth / 10))
        made += permitted
        for _ in range(permitted):
            budgets.begin(sending(Operation.UPDATE), at(tenth / 10))
    assert 45 <= made <= 50
