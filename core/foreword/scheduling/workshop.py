"""Resources that all jobs of a worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foreword.config import Settings
from foreword.plugin.manager import PluginManager
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.workers.queue import JobQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Resources shared by all jobs of a worker; tests pass a `failpoint`."""

    settings: Settings
    plugins: PluginManager
    database: Database
    artifacts: ArtifactStore
    checkpoints: CheckpointStore
    queue: JobQueue
    failpoint: Callable[[str], None] = lambda _: None
