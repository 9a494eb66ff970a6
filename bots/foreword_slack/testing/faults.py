"""Simulated faults of Slack and the network: planned one by one or drawn at seeded random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from foreword_slack.testing.errors import SlackError


class CallFault(Enum):
    """A fault of a Web API call. `AFTER` means that the call takes effect before it fails."""

    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    INTERNAL_ERROR_AFTER = "internal_error_after"
    FATAL_ERROR = "fatal_error"
    HTML_500 = "html_500"
    HTML_503 = "html_503"
    NOT_JSON = "not_json"
    HANG = "hang"
    HANG_AFTER = "hang_after"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"

    @property
    def takes_effect(self) -> bool:
        """True if the call takes effect in spite of the fault."""
        return self.value.endswith("_after")


class DeliveryFault(Enum):
    """A fault of the delivery of an event."""

    DUPLICATE = "duplicate"
    """The event is sent twice at once, over two connections if there are two."""
    LATE = "late"
    """The event is sent after later ones."""
    ACK_LOST = "ack_lost"
    """The app's acknowledgement is lost, so the event is sent again."""


class SocketFault(Enum):
    """A fault of a Socket Mode connection."""

    CUT = "cut"
    REFRESH = "refresh_requested"
    WARNING = "warning"
    HALF_OPEN = "half_open"


class RetryAfter(Enum):
    """The form of the `Retry-After` header of a 429."""

    SECONDS = "seconds"
    MISSING = "missing"
    ZERO = "zero"


_Fault = TypeVar("_Fault", bound=Enum)


@dataclass(kw_only=True)
class _Planned:
    fault: CallFault | str
    method: str | None
    times: int
    arguments: Mapping[str, object]


@dataclass(kw_only=True)
class FaultPlan:
    """The faults that happen in a run.

    Planned faults come first: `plan.fail_calls(CallFault.CUT_AFTER, method="chat.postMessage")`. Otherwise each call
    and each delivery draws a fault at the given rates from the plan's own random generator, so that a seed reproduces
    the faults if the calls come in the same order.

    Attributes:
        seed: Seed of the random faults.
        calls: Probability of each fault for a call, in [0, 1]; their sum must be at most 1.
        deliveries: Probability of each fault for an event, in [0, 1].
        sockets: Probability of each fault for a connection, at each event that is sent over it, in [0, 1].
        late_seconds: Maximum delay of a late event.
        retry_after: Form of the `Retry-After` header of a 429.
        spared_methods: Methods that draw no random faults.
        happened: Number of times that each fault has happened, by its value.
    """

    seed: int = 0
    calls: Mapping[CallFault, float] = field(default_factory=dict)
    deliveries: Mapping[DeliveryFault, float] = field(default_factory=dict)
    sockets: Mapping[SocketFault, float] = field(default_factory=dict)
    late_seconds: float = 20.0
    retry_after: RetryAfter = RetryAfter.SECONDS
    spared_methods: frozenset[str] = frozenset()
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for rates in (self.calls, self.deliveries, self.sockets):
            if any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1:
                raise ValueError(f"The rates are {rates}. Set each in [0, 1] and their sum to at most 1.")
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._planned: list[_Planned] = []

    def fail_calls(
        self, fault: CallFault | str, *, method: str | None = None, times: int = 1, **arguments: object
    ) -> None:
        """Plan a fault for the next calls.

        Args:
            fault: The fault, or an error code for Slack's answer.
            method: Only calls of this method; None for all methods.
            times: Number of calls that get the fault.
            arguments: Only calls with these arguments, such as `channel="C1"`.
        """
        self._planned.append(_Planned(fault=fault, method=method, times=times, arguments=arguments))

    def draw_call(self, method: str, arguments: Mapping[str, object]) -> CallFault | None:
        """Return the fault of a call, if it has one.

        Raises:
            SlackError: An error code is planned for the call.
        """
        for planned in self._planned:
            if planned.method not in (None, method) or not planned.arguments.items() <= arguments.items():
                continue
            planned.times -= 1
            if planned.times <= 0:
                self._planned.remove(planned)
            if isinstance(planned.fault, str):
                self.happened[planned.fault] += 1
                raise SlackError(planned.fault)
            self.happened[planned.fault.value] += 1
            return planned.fault
        return None if method in self.spared_methods else self._draw(self.calls)

    def draw_delivery(self) -> DeliveryFault | None:
        """Draw the fault of an event's delivery."""
        return self._draw(self.deliveries)

    def draw_socket(self) -> SocketFault | None:
        """Draw the fault of a connection after an event was sent over it."""
        return self._draw(self.sockets)

    def draw_late_seconds(self) -> float:
        """Draw the delay of a late event."""
        return self._random.uniform(0.0, self.late_seconds)

    def draw_index(self, length: int) -> int:
        """Draw an integer in [0, length)."""
        return self._random.randrange(length)

    def _draw(self, rates: Mapping[_Fault, float]) -> _Fault | None:
        if not rates:
            return None
        drawn = self._random.random()
        for fault, rate in rates.items():
            drawn -= rate
            if drawn < 0:
                self.happened[str(fault.value)] += 1
                return fault
        return None
