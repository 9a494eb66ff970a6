"""Webhooks: addresses of a tenant to which events are sent, and the deliveries of events to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

MAX_WEBHOOKS: Final = 20
"""Maximum number of webhooks of a tenant."""

MAX_WAITING: Final = 10_000
"""Maximum number of events that wait for one webhook. With another one, it is disabled."""

MAX_KINDS: Final = 50
"""Maximum number of patterns of kinds of a webhook."""

MAX_URL_CHARACTERS: Final = 2_000
"""Maximum length of the address of a webhook."""

GIVE_UP: Final = timedelta(hours=72)
"""Time after which an event is given up if no attempt has succeeded."""

KEPT_DELIVERIES: Final = timedelta(days=14)
"""Time for which deliveries are kept, whether they have ended or wait for a webhook that is disabled."""

SECRET_OVERLAP: Final = timedelta(hours=24)
"""Time for which events are also signed with the previous secret, unless the caller asks for another one."""

MAX_SECRET_OVERLAP: Final = timedelta(days=7)
"""The longest time for which events can be signed with the previous secret."""


class DisableReason(Enum):
    """Why a webhook is disabled."""

    REQUESTED = "requested"
    """Its owner has disabled it."""
    FAILING = "failing"
    """An event was given up, and no attempt has succeeded since it happened."""
    GONE = "gone"
    """The receiver has answered 410 Gone, with which receivers ask for no more events."""
    BACKLOG = "backlog"
    """More than `MAX_WAITING` events have waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook, without its secrets.

    Attributes:
        url: Address that events are sent to.
        kinds: Patterns of the kinds of events that are sent; see `events.kind_patterns`.
        space: Id of the space to which events of deployments are limited; None for all spaces.
        disable_reason: Why it is disabled; None while it is enabled.
        failing_since: Time of the first failed attempt since the last success; None after a success.
        consecutive_failures: Number of failed attempts since the last success.
        last_success_time: When its receiver has last accepted an event; None if it never has, and after a new URL.
        secret_create_time: When the secret was made.
    """

    tenant: str
    id: str
    display_name: str
    url: str
    kinds: tuple[str, ...]
    space: str | None
    disable_reason: DisableReason | None
    failing_since: datetime | None
    consecutive_failures: int
    last_success_time: datetime | None
    secret_create_time: datetime
    etag: str
    creator: str
    create_time: datetime
    update_time: datetime

    @property
    def enabled(self) -> bool:
        """Whether events are sent."""
        return self.disable_reason is None


class DeliveryState(Enum):
    """State of a delivery: PENDING -> SENDING -> DELIVERED, or back to PENDING, or FAILED.

    If its sender dies, a delivery stays SENDING until its lease has expired and another sender takes it.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryProblem(Enum):
    """Why an attempt failed."""

    BAD_STATUS = "bad_status"
    """The receiver answered with another status than 2xx; redirects are not followed."""
    TIMED_OUT = "timed_out"
    """The receiver did not accept the connection or answer in time."""
    NAME_NOT_FOUND = "name_not_found"
    """The name of the host has no address."""
    ADDRESS_REFUSED = "address_refused"
    """The name of the host has an address that webhooks may not reach, such as a private one."""
    NOT_CONNECTED = "not_connected"
    """The receiver or its network refused the connection."""
    TLS_FAILED = "tls_failed"
    """The receiver has no certificate that is valid for its name, or does not speak TLS."""
    CONNECTION_LOST = "connection_lost"
    """The receiver closed the connection without an answer."""
    INVALID_ANSWER = "invalid_answer"
    """The receiver did not answer in HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt to deliver an event ended.

    Attributes:
        problem: Why it failed; None if the receiver accepted the event.
        status: Status of the answer; None without one.
        detail: What the problem was, in a few words; empty if there is nothing to add.
        seconds: Time that it took.
        retry_after: Time for which the receiver asks to wait; None if it does not.
    """

    problem: DeliveryProblem | None = None
    status: int | None = None
    detail: str = ""
    seconds: float = 0.0
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """The delivery of one event to one webhook.

    Attributes:
        id: Id of the event, the same in every attempt.
        kind: Type of the event.
        attempts: Number of attempts that have ended.
        last: How the last one ended; None before the first.
        next_attempt_time: When the next attempt is due, at the earliest; None if there will be none, or while the
            webhook is disabled.
        create_time: When the event happened.
        last_attempt_time: When the last attempt ended; None before the first.
    """

    tenant: str
    webhook: str
    id: str
    kind: str
    resource: str
    state: DeliveryState
    attempts: int
    last: Attempt | None
    next_attempt_time: datetime | None
    create_time: datetime
    last_attempt_time: datetime | None
