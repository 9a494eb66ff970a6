"""Workers with many leases: runs that join, one heartbeat for all, and exchanges."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from factories.stored import beat, company_of, let_wait, make_snapshot, store_experiment
from foreword.domain.experiment import Phase, Progress, TuneExperiment
from foreword.domain.job import JobState
from foreword.errors import LeaseLostError
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease, LeaseState
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.run_results import Beat
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
NOW = timedelta()
STARTER = "foreword--starter"


def queue_waiting(database: Database, tenant: str, base_model: str = STARTER) -> TuneExperiment:
    """Queue a run that has waited for some seconds."""
    experiment = store_experiment(database, tenant, base_model=base_model)
    let_wait(database, experiment)
    return experiment


def lease_all(database: Database, *tenants: str) -> list[Lease]:
    """Queue a run of each tenant and lease them for one worker, in the order of the tenants."""
    leases = []
    for tenant in tenants:
        store_experiment(database, tenant)
        leases.append(JobQueue(database).lease("w", MINUTE))
    return leases


def get(database: Database, lease: Lease) -> TuneExperiment:
    return ExperimentRepository(database, lease.experiment.tenant).get(lease.experiment.id, after_sequence=0)


def test_runs_of_any_tenant_on_the_base_model_join_until_none_waits(database):
    lease_all(database, "acme")
    joining = [queue_waiting(database, tenant) for tenant in ("acme", "other", "other")]
    queue_waiting(database, "third", base_model="another")
    queue = JobQueue(database)

    leases = [queue.join("w", STARTER, MINUTE) for _ in range(4)]

    assert [lease.experiment.id for lease in leases if lease] == [joining[1].id, joining[0].id, joining[2].id]
    assert leases[3] is None
    assert leases[0].experiment.state is JobState.RUNNING


def test_a_run_that_a_free_worker_may_take_does_not_join(database):
    lease_all(database, "acme")
    store_experiment(database, "other")

    assert JobQueue(database).join("w", STARTER, MINUTE) is None


def test_a_run_whose_worker_died_joins_with_its_curve_and_a_new_epoch(database):
    lease_all(database, "acme")
    store_experiment(database, "other")
    queue = JobQueue(database)
    lost = queue.lease("dead", MINUTE)
    beat(queue, lost, snapshots=[make_snapshot(3)], duration=timedelta(seconds=-5))

    lease = queue.join("w", STARTER, MINUTE)

    assert (lease.experiment.id, lease.epoch, lease.lost_before) == (lost.experiment.id, 2, 1)
    assert [point.step for point in lease.experiment.snapshots] == [3]


def test_one_heartbeat_stores_the_results_of_all_runs(database):
    leases = lease_all(database, "acme", "acme", "other")

    states = JobQueue(database).heartbeat(
        [
            Beat(
                lease=lease,
                progress=Progress(step=step, phase=Phase.TUNING),
                snapshots=[make_snapshot(step)],
                compute_seconds=float(step),
            )
            for step, lease in enumerate(leases, start=1)
        ],
        duration=MINUTE,
    )

    assert states == [LeaseState.HELD] * 3
    found = [get(database, lease) for lease in leases]
    assert [item.progress.step for item in found] == [1, 2, 3]
    assert [[point.sequence for point in item.snapshots] for item in found] == [[1], [1], [1]]
    assert [item.compute_seconds for item in found] == [1.0, 2.0, 3.0]


def test_a_heartbeat_reports_a_cancelled_and_a_lost_run_and_renews_the_others(database):
    cancelled, lost, ended, sound = leases = lease_all(database, "acme", "acme", "acme", "other")
    queue = JobQueue(database)
    ExperimentRepository(database, "acme").request_cancel(cancelled.experiment.id)
    beat(queue, lost, duration=NOW)
    queue.release(ended)
    taken = {lease.experiment.id for lease in (queue.lease("thief", MINUTE), queue.lease("thief", MINUTE))}
    beat(queue, sound, duration=NOW)

    states = queue.heartbeat(
        [Beat(lease=lease, progress=Progress(step=9), snapshots=[make_snapshot(9)]) for lease in leases],
        duration=MINUTE,
    )

    assert taken == {lost.experiment.id, ended.experiment.id}
    assert states == [LeaseState.CANCELLING, LeaseState.LOST, LeaseState.LOST, LeaseState.HELD]
    assert [get(database, lease).progress.step for lease in leases] == [9, 0, 0, 9]
    assert queue.lease("another", MINUTE) is None


def test_a_worker_that_leases_its_own_lost_run_again_writes_with_the_new_lease_only(database):
    (old,) = lease_all(database, "acme")
    queue = JobQueue(database)
    beat(queue, old, duration=timedelta(seconds=-5))
    new = queue.join("w", STARTER, MINUTE)

    states = queue.heartbeat(
        [Beat(lease=lease, snapshots=[make_snapshot(lease.epoch)]) for lease in (old, new)], duration=MINUTE
    )

    assert states == [LeaseState.LOST, LeaseState.HELD]
    assert [point.step for point in get(database, new).snapshots] == [new.epoch]


def test_the_end_of_one_run_leaves_the_leases_of_the_others(database):
    first, second, third = lease_all(database, "acme", "acme", "other")
    queue = JobQueue(database)

    queue.release(first, pause=MINUTE)
    ExperimentRepository(database, "acme").request_cancel(second.experiment.id)
    queue.cancelled(second, 1.0)

    assert not beat(queue, third, duration=MINUTE)
    assert get(database, third).state is JobState.RUNNING


def test_a_company_with_room_stays_as_it_is_while_runs_on_its_base_model_wait(database):
    leases = lease_all(database, "busy", "busy")
    queue_waiting(database, "quiet")
    queue = JobQueue(database)

    assert queue.leaving(company_of(*leases, is_full=False)) == []
    assert queue.join("w", STARTER, MINUTE).experiment.tenant == "quiet"


def test_a_run_of_a_full_company_leaves_its_place_and_the_others_stay(database):
    leases = lease_all(database, "busy", "busy", "calm")
    waiting = queue_waiting(database, "quiet")
    queue, company = JobQueue(database), company_of(*leases)

    leaving = queue.leaving(company)
    following = queue.hand_over(company, leaving, MINUTE)

    assert leaving == [leases[1]]
    assert (following.experiment.id, following.worker) == (waiting.id, "w")
    assert get(database, leases[1]).progress.phase is Phase.WAITING
    with pytest.raises(LeaseLostError):
        beat(queue, leases[1], duration=MINUTE)
    for lease in (leases[0], leases[2], following):
        assert not beat(queue, lease, duration=MINUTE)


def test_a_company_leaves_as_a_whole_for_a_run_on_another_base_model(database):
    leases = lease_all(database, "busy", "calm")
    waiting = queue_waiting(database, "quiet", base_model="another")
    queue, company = JobQueue(database), company_of(*leases, is_full=False)

    leaving = queue.leaving(company)
    following = queue.hand_over(company, leaving, MINUTE)

    assert leaving == leases
    assert following.experiment.id == waiting.id
    for lease in leases:
        found = get(database, lease)
        assert (found.state, found.progress.phase) == (JobState.RUNNING, Phase.WAITING)
    joined = [queue.lease("w2", MINUTE), queue.join("w2", STARTER, MINUTE)]
    assert {lease.experiment.id for lease in joined if lease} == {leases[0].experiment.id}  # the other waits a second


def test_runs_without_a_checkpoint_are_not_handed_over(database):
    leases = lease_all(database, "busy", "calm")
    queue_waiting(database, "quiet", base_model="another")
    queue, company = JobQueue(database), company_of(*leases)

    assert queue.hand_over(company, leases[:1], MINUTE) is None
    for lease in leases:
        assert not beat(queue, lease, duration=MINUTE)


def test_a_company_with_a_run_to_cancel_or_without_a_lease_does_not_leave(database):
    leases = lease_all(database, "busy", "calm")
    queue_waiting(database, "quiet", base_model="another")
    queue, company = JobQueue(database), company_of(*leases)

    stale = dataclasses.replace(leases[0], epoch=9)
    with pytest.raises(LeaseLostError):
        queue.hand_over(company_of(stale, leases[1]), [stale, leases[1]], MINUTE)
    ExperimentRepository(database, "busy").request_cancel(leases[0].experiment.id)

    assert queue.hand_over(company, leases, MINUTE) is None
    assert not beat(queue, leases[1], duration=MINUTE)
