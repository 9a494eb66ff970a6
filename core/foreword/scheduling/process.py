"""A worker as a separate process, which is configured by settings and ends on a signal or with its parent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence

from foreword import __version__
from foreword.config import Settings
from foreword.observability.metrics.database import DatabaseMetrics
from foreword.observability.metrics.endpoint import MetricsEndpoint
from foreword.observability.metrics.process import new_registry
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.observability.tracing import Tracing
from foreword.plugin.manager import PluginManager
from foreword.scheduling.gone_tenants import GoneTenants
from foreword.scheduling.job_traces import JobTraces
from foreword.scheduling.parent import when_stdin_closes
from foreword.scheduling.worker import Worker
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.workers.queue import JobQueue

_MOST_WORKERS = 64
"""Workers of one machine whose metrics are served."""
_BOT_PORT = 9466
"""The default port of the Slack bot, which may start later."""


def run_worker(settings: Settings, *, until_stdin_closes: bool = False) -> None:
    """Run a worker in this process until SIGTERM or SIGINT.

    Args:
        settings: Settings of the database, the artifact store and the device.
        until_stdin_closes: Whether to stop also when standard input closes, as it does when the parent dies.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if until_stdin_closes:
        when_stdin_closes(stop.set)
    if settings.torch_threads:
        import torch

        torch.set_num_threads(settings.torch_threads)
    tracing = Tracing(service="foreword-worker", version=__version__) if settings.traces else None
    database = Database(settings.resolved_database_url)
    database.default_quotas = settings.default_quotas
    registry = new_registry(__version__)
    database.on_transaction = DatabaseMetrics(registry).ended
    endpoint = MetricsEndpoint(
        registry,
        host=settings.metrics_host,
        ports=worker_ports(settings.worker_metrics_port),
        setting="FOREWORD_WORKER_METRICS_PORT",
    )
    try:
        if settings.metrics:
            endpoint.start()
        database.migrate()
        workshop = Workshop(
            settings=settings,
            plugins=PluginManager.load(settings.plugins, settings.base_model_aliases),
            database=database,
            artifacts=ArtifactStore(settings.resolved_artifacts_url),
            checkpoints=CheckpointStore(settings.resolved_artifacts_url, key=database.shared_key("checkpoints")),
            queue=JobQueue(database),
            metrics=WorkerMetrics(registry),
            traces=JobTraces(tracing.tracer if tracing is not None else None),
        )
        registry.register(GoneTenants(database, workshop.metrics))
        Worker(workshop).run(stop)
    finally:
        endpoint.stop()
        if tracing is not None:
            tracing.stop()
        database.close()


def worker_ports(first: int) -> Sequence[int]:
    """Return the ports that workers of one machine try in this order for their metrics."""
    if first == 0:
        return (0,)
    ports = range(first, min(first + _MOST_WORKERS + 1, 65_536))
    return [port for port in ports if port != _BOT_PORT or port == first]
