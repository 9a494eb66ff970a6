"""The queue of deliveries of all tenants, for the senders in the servers: claims, results and deletions.

A claim is a lease with an epoch, as that of a job: if its sender dies, another one takes the delivery when the lease
has expired, and a sender that returns late cannot change anything. A receiver may therefore get an event twice, but
never misses one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from foreword.domain.delivery_turns import DueWebhook, share_places
from foreword.domain.webhook import (
    GIVE_UP,
    KEPT_DELIVERIES,
    Attempt,
    DeliveryState,
    DisableReason,
)
from foreword.errors import FailedPreconditionError
from foreword.observability.logging import get_logger
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.codec import encode
from foreword.storage.database import Database
from foreword.storage.events.webhook_schedule import WAITING, disable, reschedule
from foreword.storage.repositories.webhook_secrets import WebhookSecrets
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow

MAX_ENDED: Final = 1_000
"""Number of ended deliveries of a webhook that are kept; older ones are deleted."""

_GONE: Final = 410
_LONGEST_PAUSE: Final = timedelta(seconds=60)
"""Longest time for which a failure of one delivery delays the others of its webhook, unless the receiver asks for a
longer one."""
_LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
_DOWN_AFTER: Final = 5
"""Number of consecutive failures after which the next success means that the receiver has returned."""
_PENDING, _SENDING = DeliveryState.PENDING.value, DeliveryState.SENDING.value
_ENDED: Final = (DeliveryState.DELIVERED.value, DeliveryState.FAILED.value)
_log = get_logger("webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery that a sender has. The claim is valid while the row has the same `epoch`.

    Attributes:
        webhook: Id of the webhook.
        secrets: Secrets to sign with, the current one first.
        id: Id of the event.
        is_unproven: Whether the last attempt of the webhook failed, or none has succeeded yet.
    """

    key: int
    epoch: int
    webhook_key: int
    tenant: str
    webhook: str
    url: str
    secrets: tuple[str, ...]
    id: str
    payload: str
    is_unproven: bool


class Verdict(Enum):
    """What follows from an attempt."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    GIVEN_UP = "given_up"
    LOST = "lost"
    """Another sender has the delivery, or its webhook was deleted. The attempt changes nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """What follows from an attempt, and why its webhook was disabled; None if it was not."""

    verdict: Verdict
    disabled: DisableReason | None = None


class DeliveryQueue:
    """The deliveries of all tenants.

    Args:
        wait_seconds: Returns the time to wait after a failed attempt, from the number of failures.
    """

    def __init__(self, database: Database, *, wait_seconds: Callable[[int], float]) -> None:
        self._database = database
        self._wait_seconds = wait_seconds

    def claim(self, *, places: int, unproven_places: int, lease: timedelta) -> list[ClaimedDelivery]:
        """Claim deliveries that are due, in the order of `domain.delivery_turns`.

        Args:
            places: Maximum number of deliveries.
            unproven_places: Maximum number of those to webhooks whose last attempt failed, or that never had a success.
            lease: Duration of the claims.
        """
        # Mostly nothing is due, and a read lets others write meanwhile.
        with self._database.read() as session:
            due = _due(self._database.clock(session))
            if session.scalars(select(WebhookRow.key).where(due).limit(1)).first() is None:
                return []
        secrets = WebhookSecrets.of(self._database)
        # Serialised: otherwise, two servers could both see that a tenant has few attempts under way.
        with self._database.write("webhooks") as session:
            now = self._database.clock(session)
            shares = _shares(session, now, places=places, unproven_places=unproven_places)
            if not shares:
                return []
            # A webhook that is being changed comes next time.
            webhooks = session.scalars(
                select(WebhookRow)
                .where(WebhookRow.key.in_(shares), _due(now))
                .order_by(WebhookRow.key)
                .with_for_update(key_share=True, skip_locked=True)
            ).all()
            return [item for row in webhooks for item in _claim(session, row, secrets, shares[row.key], now, lease)]

    def finish(self, claim: ClaimedDelivery, attempt: Attempt) -> Result:
        """Record how an attempt ended, and decide what follows."""
        with self._database.write() as session:
            found = _owned(session, claim)
            if found is None:
                return Result(Verdict.LOST)
            webhook, row = found
            now = self._database.clock(session)
            row.attempts += 1
            row.last = encode(Attempt, replace(attempt, retry_after=None), "attempt")
            row.last_attempt_time = now
            is_moved = webhook.url != claim.url  # how another receiver answered says nothing about the new one
            if attempt.problem is None:
                row.state = DeliveryState.DELIVERED.value
                result = Result(Verdict.DELIVERED)
                if not is_moved:
                    _succeeded(session, webhook, now)
            elif is_moved:
                row.state, row.due_time = _PENDING, now
                result = Result(Verdict.RETRIED)
            else:
                result = self._failed(webhook, row, attempt, now)
            reschedule(session, webhook)
            return result

    def release(self, claim: ClaimedDelivery) -> None:
        """Give a delivery back without an attempt, because its sender stops. Another one may take it at once."""
        with self._database.write() as session:
            found = _owned(session, claim)
            if found is not None:
                webhook, row = found
                row.state, row.due_time = _PENDING, self._database.clock(session)
                reschedule(session, webhook)

    def purge(self) -> int:
        """Delete deliveries that are older than `KEPT_DELIVERIES`, and ended ones beyond `MAX_ENDED` of a webhook.

        Returns:
            The number of deleted deliveries.
        """
        with self._database.read() as session:
            old = WebhookDeliveryRow.create_time < self._database.clock(session) - KEPT_DELIVERIES
            keys = set(session.scalars(select(WebhookDeliveryRow.webhook_key).where(old).distinct()))
            keys |= set(
                session.scalars(
                    select(WebhookDeliveryRow.webhook_key)
                    .where(WebhookDeliveryRow.state.in_(_ENDED))
                    .group_by(WebhookDeliveryRow.webhook_key)
                    .having(func.count() > MAX_ENDED)
                )
            )
        return sum(self._purge(key) for key in sorted(keys))

    def _purge(self, webhook_key: int) -> int:
        with self._database.write() as session:
            webhook = _lock(session, webhook_key)
            if webhook is None:
                return 0
            of_webhook = WebhookDeliveryRow.webhook_key == webhook_key
            is_ended = WebhookDeliveryRow.state.in_(_ENDED)
            last = select(WebhookDeliveryRow.key).where(of_webhook, is_ended).order_by(WebhookDeliveryRow.key.desc())
            cutoff = session.scalars(last.offset(MAX_ENDED).limit(1)).first()
            old = WebhookDeliveryRow.create_time < self._database.clock(session) - KEPT_DELIVERIES
            gone = old if cutoff is None else or_(old, and_(is_ended, WebhookDeliveryRow.key <= cutoff))
            result: Any = session.execute(delete(WebhookDeliveryRow).where(of_webhook, gone))
            reschedule(session, webhook)
            return int(result.rowcount)

    def _failed(self, webhook: WebhookRow, row: WebhookDeliveryRow, attempt: Attempt, now: datetime) -> Result:
        webhook.consecutive_failures += 1
        webhook.failing_since = webhook.failing_since or now
        asked = min(attempt.retry_after or timedelta(), _LONGEST_RETRY_AFTER)
        pause = min(self._wait(webhook.consecutive_failures), _LONGEST_PAUSE)
        webhook.retry_time = now + max(pause, asked)
        if now < row.give_up_time:
            verdict = Verdict.RETRIED
            # The last attempt is made when the time is over, however long the wait would be.
            row.state, row.due_time = _PENDING, min(now + max(self._wait(row.attempts), asked), row.give_up_time)
        else:
            verdict = Verdict.GIVEN_UP
            row.state = DeliveryState.FAILED.value
        reason = None
        if attempt.status == _GONE:
            reason = DisableReason.GONE
        elif verdict is Verdict.GIVEN_UP and webhook.failing_since <= now - GIVE_UP:
            reason = DisableReason.FAILING
        if reason is not None and webhook.disable_reason is None:
            disable(webhook, reason, now)
            return Result(verdict, reason)
        return Result(verdict)

    def _wait(self, failures: int) -> timedelta:
        return timedelta(seconds=self._wait_seconds(failures))


def _due(now: datetime) -> ColumnElement[bool]:
    """Return the condition for webhooks with due deliveries. Those of suspended and deleted tenants wait."""
    return and_(WebhookRow.next_due_time <= now, of_active_tenant(WebhookRow.tenant))


def _shares(session: Session, now: datetime, *, places: int, unproven_places: int) -> dict[int, int]:
    """Return the number of deliveries to claim for each webhook, by key."""
    sending = session.execute(
        select(WebhookDeliveryRow.webhook_key, WebhookDeliveryRow.tenant, func.count())
        .where(WebhookDeliveryRow.state == _SENDING, WebhookDeliveryRow.due_time > now)
        .group_by(WebhookDeliveryRow.webhook_key, WebhookDeliveryRow.tenant)
    ).all()
    of_webhook = {key: count for key, _, count in sending}
    of_tenant: dict[str, int] = {}
    for _, tenant, count in sending:
        of_tenant[tenant] = of_tenant.get(tenant, 0) + count
    due = session.scalars(select(WebhookRow).where(_due(now)).order_by(WebhookRow.next_due_time, WebhookRow.key))
    webhooks = [
        DueWebhook(key=row.key, tenant=row.tenant, is_unproven=_is_unproven(row), under_way=of_webhook.get(row.key, 0))
        for row in due
    ]
    return dict(share_places(webhooks, of_tenant, places=places, unproven_places=unproven_places))


def _claim(
    session: Session, webhook: WebhookRow, secrets: WebhookSecrets, most: int, now: datetime, lease: timedelta
) -> Sequence[ClaimedDelivery]:
    """Claim the deliveries of a locked webhook that are longest due. One whose secret is unreadable is disabled."""
    try:
        signing = _signing_secrets(webhook, secrets, now)
    except FailedPreconditionError as error:
        _log.warning("webhook_disabled", webhook=error.metadata["resource"], reason=error.reason)
        disable(webhook, DisableReason.FAILING, now)
        return ()
    rows = session.scalars(
        select(WebhookDeliveryRow)
        .where(
            WebhookDeliveryRow.webhook_key == webhook.key,
            WebhookDeliveryRow.state.in_(WAITING),
            WebhookDeliveryRow.due_time <= now,
        )
        .order_by(WebhookDeliveryRow.due_time, WebhookDeliveryRow.key)
        .limit(most)
    ).all()
    for row in rows:
        row.state, row.due_time = _SENDING, now + lease
        row.lease_epoch += 1
    reschedule(session, webhook)
    is_unproven = _is_unproven(webhook)
    return [
        ClaimedDelivery(
            key=row.key,
            epoch=row.lease_epoch,
            webhook_key=webhook.key,
            tenant=webhook.tenant,
            webhook=webhook.id,
            url=webhook.url,
            secrets=signing,
            id=row.id,
            payload=row.payload,
            is_unproven=is_unproven,
        )
        for row in rows
    ]


def _signing_secrets(webhook: WebhookRow, secrets: WebhookSecrets, now: datetime) -> tuple[str, ...]:
    stored = [webhook.secret]
    if webhook.previous_secret and webhook.previous_expire_time and webhook.previous_expire_time > now:
        stored.append(webhook.previous_secret)
    return tuple(secrets.open(webhook.tenant, webhook.id, item) for item in stored)


def _is_unproven(webhook: WebhookRow) -> bool:
    return webhook.consecutive_failures > 0 or webhook.last_success_time is None


def _succeeded(session: Session, webhook: WebhookRow, now: datetime) -> None:
    has_returned = webhook.consecutive_failures >= _DOWN_AFTER
    webhook.consecutive_failures, webhook.failing_since, webhook.retry_time = 0, None, None
    webhook.last_success_time = now
    if has_returned:  # what waits for a later attempt need not wait any longer
        session.flush()
        session.execute(
            update(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.webhook_key == webhook.key, WebhookDeliveryRow.state == _PENDING)
            .values(due_time=now)
        )


def _owned(session: Session, claim: ClaimedDelivery) -> tuple[WebhookRow, WebhookDeliveryRow] | None:
    """Lock the webhook of a delivery, and return both; None if the claim is no longer valid."""
    webhook = _lock(session, claim.webhook_key)
    if webhook is None:
        return None
    row = session.scalars(
        select(WebhookDeliveryRow).where(
            WebhookDeliveryRow.key == claim.key,
            WebhookDeliveryRow.lease_epoch == claim.epoch,
            WebhookDeliveryRow.state == _SENDING,
        )
    ).one_or_none()
    return None if row is None else (webhook, row)


def _lock(session: Session, webhook_key: int) -> WebhookRow | None:
    return session.scalars(
        select(WebhookRow).where(WebhookRow.key == webhook_key).with_for_update(key_share=True)
    ).one_or_none()
