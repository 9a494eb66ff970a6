"""The runs of a server's queue, as a worker would leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from factories.servers import RunningServer
from foreword.domain.experiment import Phase, Snapshot
from foreword.domain.failure import Failure


def snapshot_of(step: int) -> Snapshot:
    """Return a point of a learning curve, of ten updates an epoch."""
    return Snapshot(
        sequence=0,
        step=step,
        epoch=step / 10,
        loss=1.0 / step,
        validation_loss=None,
        validation_metric=0.5 if step == 2 else None,
        learning_rate=0.03,
        examples_per_second=10.0,
        phase=Phase.TUNING,
        create_time=datetime(2026, 1, 31, tzinfo=UTC),
    )


def finish_queue(server: RunningServer) -> None:
    """Fail all jobs that are queued."""
    while (lease := server.queue.lease("cleaner", timedelta(seconds=60))) is not None:
        server.queue.fail(lease, Failure(kind="internal", reason="TEST", message="Ended by the test."), 0.0)
