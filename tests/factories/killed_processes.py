"""Processes that kill themselves at a named moment of their work. They import their targets from here."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.quotas.sums import day_of
from foreword.storage.tenant_purge import TenantPurge
from foreword.storage.usage.journal import UsageJournal

MODEL = "baseModels/foreword--starter"


def write_usage(journal: UsageJournal, count: int, tenant: str = "acme", day: str = "") -> None:
    """Append the usage of answers."""
    for _ in range(count):
        journal.append(tenant, day or day_of(datetime.now(UTC)), MODEL, requests=1, input=10, output=2, virtual=3)


def sum_up_and_die(moment: str, url: str, folder: Path) -> None:
    """Write ten answers, sum up five of them, and die at a moment of the next batch."""
    journal = UsageJournal(folder, Database(url))
    write_usage(journal, 5)
    journal.roll_up()
    write_usage(journal, 5)
    journal._failpoint = _death(moment)
    if moment == "usage.delete.after_file":
        journal.roll_up()
        journal.close()
    journal.roll_up()


def purge_and_die(moment: str, url: str, artifacts: Path) -> None:
    """Purge the tenants that are due, and die at a moment of it."""
    purge = TenantPurge(
        database=Database(url), artifacts=ArtifactStore(artifacts), settling=timedelta(), failpoint=_death(moment)
    )
    purge.purge_due()


def _death(moment: str) -> Callable[[str], None]:
    return lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == moment else None
