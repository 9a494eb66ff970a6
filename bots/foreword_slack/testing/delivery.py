"""The delivery of events and interactions to the app: attempts, acknowledgements and Slack's schedule of retries.

See https://docs.slack.dev/apis/events-api#retries. An event that is not acknowledged within three seconds is sent again
at once, after a minute and after five. An interaction is sent once, and the user sees an error if it is not answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from foreword_slack.testing import events
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.faults import DeliveryFault
from foreword_slack.testing.journal import Attempt, Delivery
from foreword_slack.testing.state import Team

_ROUTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """The content of one attempt.

    Attributes:
        envelope_type: `events_api`, `interactive` or `slash_commands`.
        takes_answer: Whether the acknowledgement may have a body.
        retry_number: Number of the retry; 0 for the first attempt.
        retry_reason: Slack's reason for the failure of the last attempt.
        route: Selects one of several connections; consecutive numbers select different ones.
    """

    envelope_type: str
    payload: dict[str, Any]
    takes_answer: bool = False
    retry_number: int = 0
    retry_reason: str = ""
    route: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of an attempt.

    Attributes:
        result: `acked`, or Slack's retry reason.
        answer: Body of the acknowledgement, if it has one.
        refuses_retries: Whether the app has refused further attempts.
        socket: Number of the Socket Mode connection; 0 over HTTP.
    """

    result: str
    answer: dict[str, Any] | None = None
    refuses_retries: bool = False
    socket: int = 0


class Transport(Protocol):
    """A transport to the app."""

    async def attempt(self, parcel: Parcel) -> Outcome:
        """Send a parcel and wait for its acknowledgement, as long as Slack would."""
        ...


@dataclass(slots=True, kw_only=True)
class Answer:
    """The app's answer to a user's action.

    Attributes:
        acked: Whether the app acknowledged it in time; if not, the user saw an error.
        body: Body of the acknowledgement, if it has one.
        errors: For a submitted view, the app's error messages by block.
    """

    acked: bool
    body: dict[str, Any] | None = None
    errors: dict[str, str] = field(default_factory=dict)


class Courier:
    """The background delivery of events; each has its own task, so that a slow one does not delay others.

    Args:
        backend: Provides the clock, the faults and the journal.
        transport: Returns the current transport to the app.
    """

    def __init__(self, backend: Backend, transport: Callable[[], Transport]) -> None:
        self._backend = backend
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent_in_hour: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._limited_in_minute: set[tuple[str, int]] = set()

    @property
    def idle(self) -> bool:
        """True if every event has been acknowledged or given up."""
        return not self._tasks

    def send_events(self, team: Team, found: Iterable[dict[str, Any]]) -> None:
        """Start the delivery of events; beyond the hourly limit, drop them and notify the app."""
        for event in found:
            self._send_event(team, event)

    def _send_event(self, team: Team, event: dict[str, Any]) -> None:
        backend, now = self._backend, self._backend.time()
        hour = (team.id, int(now) // 3600)
        self._sent_in_hour[hour] += 1
        if self._sent_in_hour[hour] <= backend.limits.events_per_hour:
            self._start(events.envelope(backend.app, team, event, ids=backend.ids, time=now))
        elif (minute := (team.id, int(now) // 60)) not in self._limited_in_minute:
            self._limited_in_minute.add(minute)
            self._start(events.rate_limited(backend.app, team, time=now))

    def _start(self, payload: dict[str, Any]) -> None:
        delivery = Delivery(kind=payload["type"], payload=payload)
        self._backend.journal.add_delivery(delivery)
        task = asyncio.create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def send_interaction(self, envelope_type: str, payload: dict[str, Any]) -> Answer:
        """Deliver an interaction or a command once, and wait for the acknowledgement."""
        delivery = Delivery(kind=payload.get("type", envelope_type), payload=payload)
        self._backend.journal.add_delivery(delivery)
        outcome = await self._attempt(delivery, Parcel(envelope_type=envelope_type, payload=payload, takes_answer=True))
        delivery.ended = True
        acked = outcome.result == "acked"
        if not acked:
            self._backend.journal.add_shown_error(
                "operation_timeout" if outcome.result == "http_timeout" else "operation_failed"
            )
        return Answer(acked=acked, body=outcome.answer)

    async def close(self) -> None:
        """Cancel all deliveries in progress."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._backend.journal.changed()
        if not task.cancelled():
            task.result()

    async def _deliver(self, delivery: Delivery) -> None:
        clock, faults, limits = self._backend.clock, self._backend.faults, self._backend.limits
        fault = faults.draw_delivery()
        if fault is DeliveryFault.LATE:
            await clock.sleep(faults.draw_late_seconds())
        reason = ""
        for number, wait_seconds in enumerate((0.0, *limits.retry_delays_seconds)):
            if number:
                await clock.sleep(wait_seconds)
            parcel = Parcel(
                envelope_type="events_api",
                payload=delivery.payload,
                retry_number=number,
                retry_reason=reason,
                route=faults.draw_index(_ROUTES),
            )
            outcome = await self._send(delivery, parcel, fault if number == 0 else None)
            if outcome.result == "acked" or outcome.refuses_retries:
                break
            reason = outcome.result
        delivery.ended = True
        self._backend.journal.changed()

    async def _send(self, delivery: Delivery, parcel: Parcel, fault: DeliveryFault | None) -> Outcome:
        if fault is DeliveryFault.DUPLICATE:
            twin = replace(parcel, route=parcel.route + 1)
            both = await asyncio.gather(self._attempt(delivery, parcel), self._attempt(delivery, twin))
            return next((outcome for outcome in both if outcome.result == "acked"), both[0])
        return await self._attempt(delivery, parcel, loses_ack=fault is DeliveryFault.ACK_LOST)

    async def _attempt(self, delivery: Delivery, parcel: Parcel, *, loses_ack: bool = False) -> Outcome:
        backend = self._backend
        started = backend.time()
        outcome = await self._transport().attempt(parcel)
        result = "ack_lost" if loses_ack and outcome.result == "acked" else outcome.result
        seconds = backend.time() - started
        delivery.attempts.append(Attempt(at=started, seconds=seconds, outcome=result, socket=outcome.socket))
        backend.journal.changed()
        if result == "ack_lost":
            return Outcome(result="http_timeout", socket=outcome.socket)
        return outcome
