"""Resources that all runs of a worker share."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.config import Settings
from foreword.plugin.manager import PluginManager
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.checkpoints import CheckpointStore
from foreword.storage.database import Database
from foreword.storage.queue import ExperimentQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Resources shared by all runs of a worker."""

    settings: Settings
    plugins: PluginManager
    database: Database
    artifacts: ArtifactStore
    checkpoints: CheckpointStore
    queue: ExperimentQueue
