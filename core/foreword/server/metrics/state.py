"""What the server knows at the time of a scrape: load of the engine, jobs, waiting events, holds of the event loop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from foreword.domain.drift import DriftVerdict
from foreword.domain.job import JobKind, JobState
from foreword.domain.webhook import DisableReason
from foreword.errors import UnavailableError
from foreword.inference.interfaces import EngineClient
from foreword.observability.metrics.labels import MOST_DEPLOYMENTS, MOST_TENANTS, OTHER, DeploymentLabels
from foreword.server.calls.hold_log import HoldLog
from foreword.storage.captures.drift import DriftSchedule
from foreword.storage.database import Database
from foreword.storage.workers.delivery_counts import count_webhooks
from foreword.storage.workers.job_counts import count_jobs


class EngineCollector(Collector):
    """The load of the engine, and what it keeps in memory.

    Args:
        base_models: Ids of the installed base models.
    """

    def __init__(self, engine: EngineClient, base_models: Collection[str]) -> None:
        self._engine = engine
        self._base_models = sorted(base_models)

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not ask the engine."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        load = self._engine.load()
        yield GaugeMetricFamily("foreword_queue_depth", "Requests that wait for the engine.", load.queued_requests)
        yield GaugeMetricFamily("foreword_queued_tokens", "Tokens that wait for the engine.", load.queued_tokens)
        yield GaugeMetricFamily("foreword_running_rows", "Rows in batches of the engine.", load.running_rows)
        resident = GaugeMetricFamily(
            "foreword_model_resident", "1 if the weights of a base model are in memory, else 0.", labels=["base_model"]
        )
        byte_size = GaugeMetricFamily(
            "foreword_model_resident_bytes", "Memory of the weights of a base model.", labels=["base_model"]
        )
        for base_model in self._base_models:
            resident.add_metric([base_model], float(base_model in load.model_bytes))
            byte_size.add_metric([base_model], load.model_bytes.get(base_model, 0))
        yield resident
        yield byte_size
        yield GaugeMetricFamily(
            "foreword_prompt_cache_bytes", "Memory of the tuned models that are kept.", load.prompt_cache_bytes
        )
        yield CounterMetricFamily(
            "foreword_prompt_cache_hits", "Requests whose tuned model was in memory.", load.prompt_cache_hits
        )
        yield CounterMetricFamily(
            "foreword_prompt_cache_misses", "Requests whose tuned model had to be read.", load.prompt_cache_misses
        )


class JobCollector(Collector):
    """The jobs in the database. All servers and workers share them, so every server exports the same numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment; none if the database is not available."""
        try:
            counts = count_jobs(self._database)
        except UnavailableError:  # the database has logged the cause once; the other metrics are still of use
            return
        jobs = GaugeMetricFamily("foreword_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        waits = GaugeMetricFamily(
            "foreword_oldest_queued_job_seconds",
            "Time for which the oldest job that no worker has begun has waited; 0 without one.",
            labels=["kind"],
        )
        for kind in JobKind:
            for state in JobState:
                jobs.add_metric([kind.value, state.value], counts.by_state.get((kind, state), 0))
            waits.add_metric([kind.value], counts.oldest_wait_seconds.get(kind, 0.0))
        yield jobs
        yield waits
        yield self._of_tenants(counts.active)

    def _of_tenants(self, active: dict[tuple[str, JobKind, JobState], int]) -> Metric:
        """Return the jobs of the tenants with the most of them, and of all others together."""
        totals: dict[str, int] = {}
        for (tenant, _, _), count in active.items():
            totals[tenant] = totals.get(tenant, 0) + count
        shown = set(sorted(totals, key=lambda tenant: (-totals[tenant], tenant))[:MOST_TENANTS])
        sums: dict[tuple[str, str, str], int] = {}
        for (tenant, kind, state), count in active.items():
            labels = (tenant if tenant in shown else OTHER, kind.value, state.value)
            sums[labels] = sums.get(labels, 0) + count
        family = GaugeMetricFamily(
            "foreword_tenant_jobs", "Jobs of a tenant that have not ended.", labels=["tenant", "kind", "state"]
        )
        for labels, count in sums.items():
            family.add_metric(labels, count)
        return family


class WebhookCollector(Collector):
    """Webhooks and the events that wait for them. All servers share them, so every server exports the same numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment; none if the database is not available."""
        try:
            waiting = count_webhooks(self._database)
        except UnavailableError:  # as above
            return
        yield GaugeMetricFamily(
            "foreword_webhook_waiting_events", "Events that wait for enabled webhooks.", waiting.events
        )
        yield GaugeMetricFamily(
            "foreword_webhook_overdue_seconds",
            "Time for which the next attempt of a webhook has been due, for the webhook that has waited longest.",
            waiting.overdue_seconds,
        )
        disabled = GaugeMetricFamily(
            "foreword_disabled_webhooks", "Webhooks that are disabled, by the reason.", labels=["reason"]
        )
        for reason in DisableReason:
            disabled.add_metric([reason.value], waiting.disabled.get(reason, 0))
        yield disabled


class DriftCollector(Collector):
    """The last reports of drift in the database. All servers share them, so every server exports the same numbers."""

    def __init__(self, database: Database) -> None:
        self._schedule = DriftSchedule(database)
        self._labels = DeploymentLabels()

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment; none if the database is not available."""
        try:
            stored = self._schedule.reports(MOST_DEPLOYMENTS)
        except UnavailableError:  # as for jobs
            return
        of_deployment = ["tenant", "deployment"]
        detected = GaugeMetricFamily(
            "foreword_drift_detected",
            "1 if the requests of a deployment have drifted from the training data of its model, else 0.",
            labels=of_deployment,
        )
        requests = GaugeMetricFamily(
            "foreword_drift_requests", "Captured requests that were compared.", labels=of_deployment
        )
        values = GaugeMetricFamily(
            "foreword_drift",
            "Divergence of lengths, words and answers in bits; difference of confidence and abstention.",
            labels=[*of_deployment, "measure"],
        )
        for item in stored:
            labels = self._labels(item.tenant, item.called)
            if OTHER in labels:
                continue  # the numbers of several deployments make no sum
            detected.add_metric(labels, float(item.report.verdict is DriftVerdict.DRIFTED))
            requests.add_metric(labels, item.report.request_count)
            for found in item.report.measures:
                if found.value is not None:
                    values.add_metric([*labels, found.kind.value], found.value)
        yield from (detected, requests, values)


class HoldCollector(Collector):
    """Holds of the event loop."""

    def __init__(self, holds: HoldLog) -> None:
        self._holds = holds

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        yield CounterMetricFamily(
            "foreword_event_loop_holds", "Times that one request held the event loop for too long.", self._holds.count
        )
        yield GaugeMetricFamily(
            "foreword_event_loop_longest_hold_seconds",
            "Longest processor time for which a request has held the event loop.",
            self._holds.longest_seconds,
        )
