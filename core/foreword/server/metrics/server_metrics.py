"""All metrics of a server, with the port that serves them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import grpc

from foreword import __version__
from foreword.config import Settings
from foreword.domain.deployment import Deployment
from foreword.domain.webhook import Attempt, DeliveryProblem
from foreword.inference.interfaces import EngineClient
from foreword.observability.metrics.calls import CallMetrics
from foreword.observability.metrics.captures import CaptureMetrics
from foreword.observability.metrics.database import DatabaseMetrics
from foreword.observability.metrics.endpoint import MetricsEndpoint
from foreword.observability.metrics.inference import EngineMetrics, InferenceMetrics
from foreword.observability.metrics.labels import DeploymentLabels
from foreword.observability.metrics.process import new_registry
from foreword.observability.metrics.webhooks import WebhookMetrics
from foreword.server.calls.hold_log import HoldLog
from foreword.server.calls.interceptors import Call
from foreword.server.inference.capture_point import CapturePoint
from foreword.server.metrics.metered_engine import MeteredEngine
from foreword.server.metrics.state import (
    DriftCollector,
    EngineCollector,
    HoldCollector,
    JobCollector,
    WebhookCollector,
)
from foreword.server.metrics.usage import UsageCollector
from foreword.storage.database import Database
from foreword.storage.workers.delivery_queue import Result, Verdict

_DELIVERED = "delivered"
_SERVICE_PREFIX = "/foreword.v1."


class ServerMetrics:
    """The metrics of one server. They are counted from here on and served from `start` to `stop`.

    Attributes:
        engine: Receives what the engine measures.
    """

    def __init__(self, settings: Settings) -> None:
        self._usage: UsageCollector | None = None
        self._registry = new_registry(__version__)
        self._calls = CallMetrics(self._registry)
        self._labels = DeploymentLabels()
        self._inference = InferenceMetrics(self._registry, self._labels)
        self._captures = CaptureMetrics(self._registry, self._labels)
        self.engine = EngineMetrics(self._registry)
        self._database = DatabaseMetrics(self._registry)
        self._webhooks = WebhookMetrics(
            self._registry,
            outcomes=(_DELIVERED, *(problem.value for problem in DeliveryProblem)),
        )
        self._endpoint = MetricsEndpoint(
            self._registry,
            host=settings.metrics_host,
            ports=(settings.metrics_port,),
            setting="FOREWORD_METRICS_PORT",
        )

    def watch(
        self,
        *,
        engine: EngineClient,
        database: Database,
        holds: HoldLog,
        base_models: Collection[str],
        waiting_usage: Callable[[], int],
    ) -> None:
        """Export also what the parts of the server know at the time of a scrape.

        Args:
            base_models: Ids of the installed base models.
            waiting_usage: Returns the size in bytes of the usage that is not yet in the database.
        """
        self._usage = UsageCollector(database, waiting_usage)
        self._registry.register(self._usage)
        self._registry.register(EngineCollector(engine, base_models))
        self._registry.register(JobCollector(database))
        self._registry.register(WebhookCollector(database))
        self._registry.register(DriftCollector(database))
        self._registry.register(HoldCollector(holds))
        database.on_transaction = self._database.ended

    def metered(self, engine: EngineClient) -> EngineClient:
        """Return the engine, with its requests counted."""
        return MeteredEngine(engine, self._inference)

    def count_captured(self, point: CapturePoint, outcome: str, number: int) -> None:
        """Count requests of a deployment that captures some."""
        self._captures.captured(tenant=point.deployment.tenant, deployment=point.called, outcome=outcome, number=number)

    def count_feedback(self, deployment: Deployment, correct: bool | None) -> None:
        """Count feedback about an answer of a deployment."""
        self._captures.judged(tenant=deployment.tenant, deployment=deployment.serving_name, correct=correct)

    def count_call(self, call: Call, code: grpc.StatusCode, seconds: float) -> None:
        """Count an RPC that has ended."""
        record = call.record
        self._calls.ended(
            rpc=call.method.removeprefix(_SERVICE_PREFIX),
            code=code.name,
            tenant=record.tenant,
            reason=record.reason,
            seconds=seconds,
            trace_id=record.trace_id,
        )

    def count_attempt(self, attempt: Attempt, result: Result) -> None:
        """Count an attempt to deliver an event to a webhook."""
        self._webhooks.attempted(
            outcome=_DELIVERED if attempt.problem is None else attempt.problem.value,
            seconds=attempt.seconds,
            given_up=result.verdict is Verdict.GIVEN_UP,
        )

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants that have series."""
        return self._calls.tenants | self._labels.tenants

    def forget_tenant(self, tenant: str) -> None:
        """Remove the series of a tenant that does not exist any more."""
        self._labels.forget_tenant(tenant)
        for metrics in (self._calls, self._inference, self._captures):
            metrics.forget_tenant(tenant)
        if self._usage is not None:
            self._usage.forget_tenant(tenant)

    @property
    def port(self) -> int | None:
        """The port that serves the metrics; None before `start`, and if the port was in use."""
        return self._endpoint.port

    def start(self) -> None:
        """Serve the metrics; if the port is in use, log a warning instead. Blocks for a moment."""
        self._endpoint.start()

    def stop(self) -> None:
        """Stop serving."""
        self._endpoint.stop()
