"""The faults that Slack and the way to it show: planned one by one, or drawn at seeded random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from foreword_slack.testing.errors import SlackError


class CallFault(Enum):
    """What may go wrong with a call of the Web API. `AFTER`: the call has taken effect, and nobody is told."""

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
        """Whether the call is carried out all the same."""
        return self.value.endswith("_after")


class DeliveryFault(Enum):
    """What may go wrong when an event is delivered."""

    DUPLICATE = "duplicate"
    """It comes twice at once, over two connections when there are two."""
    LATE = "late"
    """It comes after later ones."""
    ACK_LOST = "ack_lost"
    """The app's acknowledgement does not arrive, so the event comes again."""


class SocketFault(Enum):
    """What may happen to a Socket Mode connection."""

    CUT = "cut"
    REFRESH = "refresh_requested"
    WARNING = "warning"
    HALF_OPEN = "half_open"


class RetryAfter(Enum):
    """How a 429 tells when to come again."""

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
    """Which faults happen.

    Explicit ones come first: `plan.fail_calls(CallFault.CUT_AFTER, method="chat.postMessage")`. Beyond them, each call
    and each delivery draws at the given rates from a generator of its own, so that a seed repeats a run's choices as
    far as the order of calls repeats.

    Attributes:
        seed: Of the random faults.
        calls: Probability of each fault for a call, in [0, 1]; their sum must be at most 1.
        deliveries: Probability of each fault for an event, in [0, 1].
        sockets: Probability of each fault for a connection, at each event that is sent over it, in [0, 1].
        late_seconds: The longest that an event is held back.
        retry_after: How a 429 tells when to come again.
        spared_methods: Methods that draw no faults.
        happened: How often each fault has happened, by its value.
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
                raise ValueError(f"the rates of faults must be in [0, 1] and their sum at most 1, not {rates}")
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._planned: list[_Planned] = []

    def fail_calls(
        self, fault: CallFault | str, *, method: str | None = None, times: int = 1, **arguments: object
    ) -> None:
        """Plans a fault for the next calls.

        Args:
            fault: The fault, or an error code that Slack answers with.
            method: Of this method only.
            times: How many calls it hits.
            arguments: Only calls with these arguments, `channel="C1"` say.
        """
        self._planned.append(_Planned(fault=fault, method=method, times=times, arguments=arguments))

    def draw_call(self, method: str, arguments: Mapping[str, object]) -> CallFault | None:
        """The fault that a call meets.

        Raises:
            SlackError: The plan holds an error code for it.
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
        """The fault that an event meets."""
        return self._draw(self.deliveries)

    def draw_socket(self) -> SocketFault | None:
        """What happens to a connection after an event was sent over it."""
        return self._draw(self.sockets)

    def draw_late_seconds(self) -> float:
        """How long an event is held back."""
        return self._random.uniform(0.0, self.late_seconds)

    def draw_index(self, length: int) -> int:
        """A whole number in [0, length)."""
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
