"""Resources that all jobs of a worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from foreword.config import Settings
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.plugin.manager import PluginManager
from foreword.scheduling.job_traces import JobTraces
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.workers.queue import JobQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Resources shared by all jobs of a worker; tests pass a `failpoint`. By default, nobody reads the metrics.

    Traces are not recorded by default.
    """

    settings: Settings
    plugins: PluginManager
    database: Database
    artifacts: ArtifactStore
    checkpoints: CheckpointStore
    queue: JobQueue
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    traces: JobTraces = field(default_factory=JobTraces)
    failpoint: Callable[[str], None] = lambda _: None
