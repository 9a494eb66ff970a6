"""A worker as a separate process, which is configured by settings and ends on a signal or with its parent."""

from __future__ import annotations

import signal
import threading

from foreword.config import Settings
from foreword.plugin.manager import PluginManager
from foreword.scheduling.parent import when_stdin_closes
from foreword.scheduling.worker import Worker
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.workers.queue import JobQueue


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
    database = Database(settings.resolved_database_url)
    try:
        database.migrate()
        workshop = Workshop(
            settings=settings,
            plugins=PluginManager.load(settings.plugins, settings.base_model_aliases),
            database=database,
            artifacts=ArtifactStore(settings.resolved_artifacts_url),
            checkpoints=CheckpointStore(settings.resolved_artifacts_url, key=database.shared_key("checkpoints")),
            queue=JobQueue(database),
        )
        Worker(workshop).run(stop)
    finally:
        database.close()
