"""The jobs of a tenant that is suspended or is being deleted pause, and go on when it is resumed."""

from __future__ import annotations

import pytest

from factories.workers import content, once, state, work
from foreword.domain.evaluation import EvaluatedSystem
from foreword.domain.experiment import Phase
from foreword.domain.job import JobKind, JobState
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.storage.workers.job_counts import count_jobs


@pytest.mark.parametrize("moment", [1, 2, 4])
def test_a_paused_run_keeps_its_checkpoint_and_ends_with_the_same_tensors(shop, moment: int):
    lifecycle = TenantLifecycle(shop.workshop.database)
    reference = shop.queue_run()
    work(shop)
    run = shop.queue_run()

    work(shop, once("queue.heartbeat.after_commit", lambda: lifecycle.suspend("acme"), at=moment))
    paused = shop.repository.get(run.id, after_sequence=0)
    work(shop)
    idle = shop.repository.get(run.id, after_sequence=0)
    lifecycle.resume("acme")
    work(shop)

    assert (paused.state, paused.progress.phase) == (JobState.RUNNING, Phase.WAITING)
    assert (idle.compute_seconds, idle.snapshots) == (paused.compute_seconds, paused.snapshots)
    ended = shop.repository.get(run.id, after_sequence=0)
    assert ended.state is JobState.SUCCEEDED
    assert [point.step for point in ended.snapshots] == [1, 2, 3, 4, 5, 6]
    assert content(shop, run) == content(shop, reference)


def test_a_deleted_tenant_pauses_alone_and_goes_on_when_that_is_undone(shop):
    lifecycle = TenantLifecycle(shop.workshop.database)
    theirs = ExperimentRepository(shop.workshop.database, "globex")
    run, other = shop.queue_run(), shop.queue_run(tenant="globex")

    work(shop, once("queue.heartbeat.after_commit", lambda: lifecycle.delete("acme"), at=3))
    queued = shop.queue_run(tenant="acme")
    work(shop)

    assert theirs.get(other.id).state is JobState.SUCCEEDED
    assert (state(shop, run), state(shop, queued)) == (JobState.RUNNING, JobState.QUEUED)
    assert JobKind.TUNE not in count_jobs(shop.workshop.database).oldest_wait_seconds  # it waits for no worker
    lifecycle.undelete("acme")
    work(shop)
    assert (state(shop, run), state(shop, queued)) == (JobState.SUCCEEDED, JobState.SUCCEEDED)


def test_an_evaluation_pauses_and_goes_on(shop):
    lifecycle = TenantLifecycle(shop.workshop.database)
    system = EvaluatedSystem(id="base", model="baseModels/tiny--bart", base_model="tiny--bart")
    evaluation = shop.queue_evaluation(system)
    repository = EvaluationRepository(shop.workshop.database, "acme")

    work(shop, once("queue.heartbeat.after_commit", lambda: lifecycle.suspend("acme")))
    paused = repository.get(evaluation.id)
    lifecycle.resume("acme")
    work(shop)

    assert paused.state is JobState.RUNNING
    assert repository.get(evaluation.id).state is JobState.SUCCEEDED
