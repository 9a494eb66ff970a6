"""The bot's metrics for Prometheus. No label holds a person, a channel or a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from foreword import __version__
from foreword.observability.metrics.labels import LATENCY_BUCKETS, BoundedLabel
from foreword.observability.metrics.process import new_registry
from foreword_slack.hooks import ComplaintCorrected, HookEvent, RoutingDecided
from foreword_slack.routing.decision import ReasonCode
from foreword_slack.store import InstallationState, Operation, Overview
from foreword_slack.store.post_queue import Sending

_MOST_LABELS = 100
"""Labels of complaints, and pairs of a wrong and a right one, that have series of their own."""
_NONE = "none"
_SHARES = tuple(number / 20 for number in range(1, 21))
_ANSWER_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 3.0)
"""Upper bounds in seconds. Slack waits for 3."""
_WITHOUT_MODEL = frozenset({ReasonCode.MODEL_FAILED, ReasonCode.NO_WORDS, ReasonCode.ORIGINAL_REFUSED})


class BotMetrics:
    """What a bot counts since its start.

    Args:
        now: The bot's clock.
        registry: Default: a registry with the metrics of this process.
    """

    def __init__(self, now: Callable[[], datetime], registry: CollectorRegistry | None = None) -> None:
        self._now = now
        self.registry = registry or new_registry(__version__)
        self._label, self._pair = BoundedLabel(_MOST_LABELS), BoundedLabel(_MOST_LABELS)
        self._complaints = Counter(
            "foreword_slack_complaints",
            "Decisions: auto, review (the model was unsure), fallback (the model gave no answer) or person.",
            ["team", "outcome"],
            registry=self.registry,
        )
        self._failed = Counter(
            "foreword_slack_failed_complaints",
            "Complaints that could not be handled and were left to people.",
            ["team"],
            registry=self.registry,
        )
        self._routes = Counter(
            "foreword_slack_routes", "Notified departments.", ["team", "department"], registry=self.registry
        )
        self._confidence = Histogram(
            "foreword_slack_confidence",
            "Probability of the model's answer.",
            ["team"],
            buckets=_SHARES,
            registry=self.registry,
        )
        self._corrections = Counter(
            "foreword_slack_corrections",
            "Labels that people replaced. One that was only added or removed has none on the other side.",
            ["team", "from", "to"],
            registry=self.registry,
        )
        self._corrected = Counter(
            "foreword_slack_corrected_complaints",
            "Complaints whose departments a person corrected.",
            ["team"],
            registry=self.registry,
        )
        self._post = Histogram(
            "foreword_slack_complaint_to_post_seconds",
            "Time from the message of a complaint to each post about it.",
            ["team"],
            buckets=(*LATENCY_BUCKETS, 300.0, 3600.0),
            registry=self.registry,
        )
        self._answer = Histogram(
            "foreword_slack_ack_seconds",
            "Time to answer a payload of Slack.",
            buckets=_ANSWER_BUCKETS,
            registry=self.registry,
        )
        self._repeated = Counter(
            "foreword_slack_dedup_dropped",
            "Events that Slack has sent again, by kind.",
            ["kind"],
            registry=self.registry,
        )

    def observe(self, event: HookEvent) -> None:
        """Count a decision or a correction."""
        if isinstance(event, RoutingDecided):
            self._decided(event)
        elif isinstance(event, ComplaintCorrected):
            self._count_correction(event)

    def _decided(self, event: RoutingDecided) -> None:
        decision = event.decision
        if event.actor:
            outcome = "person"
        elif not decision.review:
            outcome = "auto"
        else:
            codes = {reason.code for reason in decision.reasons}
            outcome = "fallback" if codes & _WITHOUT_MODEL else "review"
        self._complaints.labels(event.team, outcome).inc()
        for target in decision.targets:
            self._routes.labels(event.team, self._label(target.label)).inc()
        if decision.guess is not None and not event.actor:
            self._confidence.labels(event.team).observe(decision.guess.probability)

    def _count_correction(self, event: ComplaintCorrected) -> None:
        """Count a correction, by the labels that were wrong and those that are right instead."""
        wrong = sorted(set(event.said) - set(event.corrected)) or [_NONE]
        right = sorted(set(event.corrected) - set(event.said)) or [_NONE]
        if wrong == right:
            return
        self._corrected.labels(event.team).inc()
        for said in wrong:
            for corrected in right:
                pair = f"{said}\0{corrected}"
                said_label, _, right_label = self._pair(pair).partition("\0")
                self._corrections.labels(event.team, said_label, right_label or said_label).inc()

    def given_up(self, team: str) -> None:
        """Count a complaint that could not be handled."""
        self._failed.labels(team).inc()

    def answered(self, seconds: float) -> None:
        """Record the time to answer a payload."""
        self._answer.observe(seconds)

    def repeated(self, kind: str) -> None:
        """Count an event that was known already."""
        self._repeated.labels(kind).inc()

    def sent(self, sending: Sending) -> None:
        """Record the time from a complaint's message to a post about it."""
        if sending.complaint is None or sending.operation is not Operation.POST:
            return
        written = _written(sending.complaint)
        if written is not None:
            self._post.labels(sending.team).observe(max(0.0, self._now().timestamp() - written))


class BotState(Collector):
    """What a bot knows at the time of a scrape.

    Args:
        counts: Counters of the bot's parts, by name and outcome.
        sockets: Number of connections that receive events; None for a bot without Socket Mode.
        last_event_time: Time of the last payload from Slack.
        overview: State of the store; None if it cannot be reached.
    """

    def __init__(
        self,
        *,
        counts: Mapping[str, Mapping[str, int]],
        sockets: int | None,
        last_event_time: datetime | None,
        now: datetime,
        overview: Overview | None,
    ) -> None:
        self._counts, self._sockets, self._overview = counts, sockets, overview
        self._last_event_time, self._now = last_event_time, now

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for name, counts in sorted(self._counts.items()):
            family = CounterMetricFamily(f"foreword_slack_{name}", f"{_sentence(name)} by outcome.", labels=["outcome"])
            for outcome, count in sorted(counts.items()):
                family.add_metric([outcome], count)
            yield family
        if self._sockets is not None:
            yield GaugeMetricFamily(
                "foreword_slack_socket_connected", "Connections that receive events from Slack.", self._sockets
            )
        if self._last_event_time is not None:
            yield GaugeMetricFamily(
                "foreword_slack_last_event_age_seconds",
                "Time since the last payload from Slack.",
                (self._now - self._last_event_time).total_seconds(),
            )
        yield from self._stored()

    def _stored(self) -> Iterable[Metric]:
        """Return the metrics of the store."""
        overview = self._overview
        yield GaugeMetricFamily(
            "foreword_slack_store_available", "1 if the store can be reached, else 0.", float(overview is not None)
        )
        if overview is None:
            return

        def gauge(name: str, help: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"foreword_slack_{name}", help, labels=["team", *labels])

        installed = gauge("installed", "1 if the bot is installed in a workspace and its token is valid, else 0.")
        overdue = gauge("inbox_overdue_events", "Events that should have been handled by now.")
        calls = gauge("outbox_calls_now", "Calls to Slack in the store, by state.", "state")
        parked = gauge("outbox_parked_calls", "Calls that wait until the bot is installed again.")
        oldest = gauge("outbox_oldest_seconds", "Time since the oldest call that is due was requested; 0 without one.")
        unresolved = gauge("ambiguous_posts", "Posts repeated although the outcome of an earlier attempt is unknown.")
        plugin_calls = gauge("plugin_calls_now", "Calls of plugins in the store: pending or given_up.", "state")
        complaints = gauge("complaints_now", "Complaints in the store, by state.", "state")
        for team in overview.teams:
            active = team.installation is not None and team.installation.state is InstallationState.ACTIVE
            installed.add_metric([team.team], float(active))
            overdue.add_metric([team.team], team.inbox.overdue)
            for state, count in team.posts.items():
                calls.add_metric([team.team, state.value], count)
            parked.add_metric([team.team], team.parked)
            first = None if team.parked else team.oldest_post_time
            since = (overview.time - first).total_seconds() if first is not None else 0.0
            oldest.add_metric([team.team], max(0.0, since))
            unresolved.add_metric([team.team], team.unresolved)
            plugin_calls.add_metric([team.team, "pending"], team.plugin_calls.pending)
            plugin_calls.add_metric([team.team, "given_up"], sum(team.plugin_calls.dead.values()))
            for name, count in team.complaints.items():
                complaints.add_metric([team.team, name], count)
        yield from (installed, overdue, calls, parked, oldest, unresolved, plugin_calls, complaints)


def render(metrics: BotMetrics, state: BotState) -> str:
    """Return all metrics in Prometheus's text format."""
    return (generate_latest(metrics.registry) + generate_latest(state)).decode()


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _written(complaint: str) -> float | None:
    """Return when the message of a complaint was written; None for a complaint without a message."""
    try:
        return float(complaint.partition(":")[2])
    except ValueError:
        return None
