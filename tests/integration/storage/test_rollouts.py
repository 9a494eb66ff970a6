"""Rollouts of revisions, their figures and how they end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest

from factories.stored import store_tenant
from foreword.domain.deployment import Deployment, DeploymentState
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import CanaryPlan, RolloutState, ShadowPlan
from foreword.domain.rollout_figures import Observation, RevisionFigures, RolloutFigures, ShadowFigures
from foreword.errors import FailedPreconditionError
from foreword.names import DeploymentName
from foreword.storage.database import Database
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.workers.probes import ProbeQueue
from foreword.storage.workers.rollouts import BatchId, RolloutLedger

BASE, SECOND, THIRD = (ModelReference(base_model=name) for name in ("first", "second", "third"))
CANARY = CanaryPlan(share=0.1, promote_after_requests=50)


class Store:
    """A database with a deployment whose first revision serves."""

    def __init__(self, database: Database) -> None:
        self.tenant = store_tenant(database)
        self.deployments = DeploymentRepository(database, self.tenant)
        self.ledger = RolloutLedger(database)
        self.audit_log = AuditLog(database)
        self._numbers = count(1)
        self._probes = ProbeQueue(database)
        self.deployments.create(space="default", id="triage", serving_name="triage", model=BASE)
        self.passes(1)

    def get(self) -> Deployment:
        return self.deployments.get("default", "triage")

    def update(self, model: ModelReference, plan: CanaryPlan | ShadowPlan | None = None, **fields) -> Deployment:
        return self.deployments.update("default", "triage", model=model, plan=plan, **fields)

    def rolls_out(self, model: ModelReference = SECOND, plan: CanaryPlan | ShadowPlan = CANARY) -> int:
        """Start a rollout and return the number of its revision."""
        number = self.update(model, plan).candidate_revision
        self.passes(number)
        return number

    def passes(self, revision: int) -> None:
        self._probes.ready(self.tenant, (1, revision), 0.5)

    def fails(self, revision: int) -> None:
        self._probes.failed(self.tenant, (1, revision), Failure(kind="internal", reason="X", message="Broken."))

    def add(self, revision: int, figures: RolloutFigures, *, server: str = "server", number: int = 0):
        """Add a batch of figures, by default one with a new number."""
        batch = BatchId(server=server, number=number or next(self._numbers))
        return self.ledger.add(DeploymentName(self.tenant, "default", "triage"), revision, figures, batch)

    def outcome(self, revision: int) -> RolloutState:
        rollout = next(item.rollout for item in self.get().revisions if item.number == revision)
        assert rollout is not None
        return rollout.state


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def answered(count: int, *, failed: bool = False) -> RolloutFigures:
    seen = [Observation(seconds=0.1, failure="INTERNAL" if failed else "")] * count
    return RolloutFigures(candidate=RevisionFigures.of(seen), stable=RevisionFigures.of(seen[:1]))


def test_a_revision_gets_traffic_only_after_its_probe(store: Store):
    waiting = store.update(SECOND, CANARY)
    store.passes(2)
    running = store.get()

    assert (waiting.state, waiting.candidate_revision, waiting.candidate) == (DeploymentState.UPDATING, 2, None)
    assert (running.state, running.serving_revision) == (DeploymentState.READY, 1)
    assert running.candidate is not None
    assert running.candidate.rollout is not None
    assert running.candidate.rollout.plan == CANARY
    assert running.candidate.rollout.stable_revision == 1
    assert running.candidate.rollout.start_time is not None


def test_a_rollout_ends_if_the_revision_does_not_pass_its_probe(store: Store):
    store.update(SECOND, CANARY)
    store.fails(2)

    assert store.outcome(2) is RolloutState.ROLLED_BACK
    assert (store.get().serving_revision, store.get().candidate_revision) == (1, 0)


def test_good_figures_promote_and_bad_ones_roll_back(store: Store):
    first = store.rolls_out(SECOND)
    assert store.add(first, answered(49)).state is RolloutState.RUNNING
    etag = store.get().etag
    assert store.add(first, answered(1)).state is RolloutState.PROMOTED
    assert store.get().serving_revision == first
    assert store.get().etag != etag

    second = store.rolls_out(THIRD)
    assert store.add(second, answered(8, failed=True)).state is RolloutState.ROLLED_BACK
    found = store.get()
    assert (found.serving_revision, found.candidate_revision) == (first, 0)
    assert found.revisions[0].rollout.figures.candidate.errors == 8
    assert "8 failed" in found.revisions[0].rollout.explanation
    assert found.revisions[0].rollout.end_time is not None


def test_figures_of_servers_that_write_at_the_same_time_add_up_and_decide_once(store: Store):
    number = store.rolls_out(SECOND)

    with ThreadPoolExecutor(4) as servers:
        decisions = list(servers.map(lambda server: store.add(number, answered(5), server=str(server)), range(12)))

    ended = [item for item in decisions if item is not None and item.state.ended]
    assert len(ended) == 1
    assert sum(item is None for item in decisions) == 2, "figures after the end do not count"
    assert store.get().revisions[0].rollout.figures.candidate.requests == 50


def test_a_batch_counts_once_however_often_it_is_added(store: Store):
    number = store.rolls_out(SECOND)

    for server in ("one", "two"):
        for batch in (1, 1, 2, 2, 1):
            assert store.add(number, answered(3), server=server, number=batch).state is RolloutState.RUNNING
    assert store.get().revisions[0].rollout.figures.candidate.requests == 12

    last = [store.add(number, answered(40), server="one", number=3) for _ in range(2)]
    assert [decision.state for decision in last] == [RolloutState.PROMOTED] * 2
    assert last[0] == last[1]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (CanaryPlan(share=0.1, max_duration=timedelta(0)), "ended after 0 of 500 canary requests: 0 failed."),
        (ShadowPlan(share=0.1, max_duration=timedelta(0)), "ended after 0 compared answers"),
    ],
    ids=["canary", "shadow"],
)
def test_a_rollout_without_traffic_expires(store: Store, plan, words):
    number = store.rolls_out(SECOND, plan)
    etag = store.get().etag

    (ended,) = store.ledger.end_overdue()

    found = store.get()
    assert (ended.revision, ended.decision.state) == (number, store.outcome(number)) == (2, RolloutState.EXPIRED)
    assert (found.serving_revision, found.candidate_revision, found.coming) == (1, 0, None)
    assert found.etag != etag
    assert words in found.revisions[0].rollout.explanation
    assert store.ledger.end_overdue() == []
    assert store.add(number, answered(60)) is None
    (record,) = store.audit_log.list(store.tenant).items
    name = f"tenants/{store.tenant}/spaces/default/deployments/triage"
    assert (record.actor, record.method, record.resource) == ("system", "EndExpiredRollout", name)


def test_a_rollout_expires_that_waits_for_its_probe_in_vain(store: Store):
    store.update(SECOND, CanaryPlan(share=0.1, max_duration=timedelta(0)))

    assert len(store.ledger.end_overdue()) == 1
    store.passes(2)

    assert store.outcome(2) is RolloutState.EXPIRED
    assert store.get().revisions[0].rollout.explanation.startswith("It has not passed its probe in")
    assert (store.get().serving_revision, store.get().state) == (1, DeploymentState.READY)


def test_a_rollout_within_its_time_goes_on_and_the_last_figures_decide_before_the_time(store: Store):
    number = store.rolls_out(SECOND)
    assert store.ledger.end_overdue() == []
    store.deployments.rollback("default", "triage")

    number = store.rolls_out(THIRD, CanaryPlan(share=0.1, max_duration=timedelta(0), promote_after_requests=50))
    assert store.add(number, answered(50)).state is RolloutState.PROMOTED


def test_a_shadow_only_collects_figures(store: Store):
    number = store.rolls_out(SECOND, ShadowPlan(share=1.0))
    figures = RolloutFigures(shadow=ShadowFigures(compared=300, agreed=10, errors=5, shed=7))

    assert store.add(number, figures).state is RolloutState.RUNNING
    assert store.add(number, figures).state is RolloutState.RUNNING

    assert store.get().candidate.rollout.figures.shadow.compared == 600
    assert store.deployments.promote("default", "triage").serving_revision == number


def test_a_rollback_ends_a_rollout_and_keeps_what_is_served(store: Store):
    store.rolls_out(SECOND)
    assert store.deployments.promote("default", "triage", 2).serving_revision == 2
    store.rolls_out(THIRD)

    with pytest.raises(FailedPreconditionError, match="Promote the deployment"):
        store.deployments.rollback("default", "triage", 3)
    assert store.deployments.rollback("default", "triage").serving_revision == 2
    assert store.outcome(3) is RolloutState.ROLLED_BACK
    assert store.add(3, answered(60)) is None

    store.update(ModelReference(base_model="fourth"))
    store.passes(4)
    assert store.deployments.rollback("default", "triage").serving_revision == 2, "3 was rolled back as a canary"


def test_a_rollback_returns_to_the_revision_beside_which_the_served_one_was_rolled_out(store: Store):
    store.update(SECOND)
    store.passes(2)
    store.deployments.rollback("default", "triage")
    store.rolls_out(SECOND)
    store.deployments.promote("default", "triage")

    assert store.deployments.rollback("default", "triage").serving_revision == 1, "2 has the model of 3"

    store.rolls_out(THIRD)
    store.deployments.promote("default", "triage")
    assert store.deployments.rollback("default", "triage").serving_revision == 1, "2 was not served before 4"


def test_an_update_that_names_a_model_replaces_a_rollout(store: Store):
    store.rolls_out(SECOND)
    store.update(SECOND, ShadowPlan(share=0.5))
    assert store.outcome(2) is RolloutState.REPLACED
    assert store.get().candidate_revision == 3

    back = store.update(BASE)
    store.passes(3)
    assert (back.candidate_revision, back.state) == (0, DeploymentState.READY)
    assert store.outcome(3) is RolloutState.REPLACED
    assert (store.get().serving_revision, len(store.get().revisions)) == (1, 3)

    store.rolls_out(THIRD)
    assert store.update(THIRD).candidate_revision == 0, "the model is to serve all requests now"
    store.passes(5)
    assert store.get().serving_revision == 5


def test_other_changes_and_repeated_requests_keep_a_rollout(store: Store):
    request = RequestKey("UpdateDeployment", "once", "fingerprint")
    first = store.update(SECOND, CANARY, request=request)
    again = store.update(SECOND, CANARY, request=request)
    tagged = store.deployments.update("default", "triage", tags=["x"])

    assert first.candidate_revision == again.candidate_revision == tagged.candidate_revision == 2


def test_a_rollout_needs_something_to_compare_with(store: Store):
    with pytest.raises(FailedPreconditionError) as same:
        store.update(BASE, CANARY)
    store.update(SECOND)
    with pytest.raises(FailedPreconditionError) as probing:
        store.update(THIRD, CANARY)
    store.deployments.create(space="default", id="new", serving_name="new", model=BASE)
    with pytest.raises(FailedPreconditionError) as nothing:
        store.deployments.update("default", "new", model=SECOND, plan=CANARY)

    reasons = [caught.value.reason for caught in (same, probing, nothing)]
    assert reasons == ["MODEL_ALREADY_SERVED", "REVISION_BEING_PROBED", "DEPLOYMENT_NOT_READY"]


def test_a_rollout_waits_for_an_older_revision_that_is_still_being_probed(store: Store):
    store.update(SECOND)
    store.update(THIRD)
    store.fails(3)
    fourth = ModelReference(base_model="fourth")

    with pytest.raises(FailedPreconditionError, match=r"Revision 2 .* roll it back to revision 1 first"):
        store.update(fourth, CANARY)
    assert (store.get().state, store.get().intended_model) == (DeploymentState.UPDATING, SECOND)
    assert len(store.update(BASE).revisions) == 4, "the model that serves now would be replaced by revision 2"

    store.deployments.rollback("default", "triage", 1)
    number = store.rolls_out(fourth)
    store.passes(2)
    assert (store.get().serving_revision, store.get().candidate.number) == (1, number)


def test_only_a_revision_that_is_rolled_out_can_be_promoted(store: Store):
    with pytest.raises(FailedPreconditionError) as none:
        store.deployments.promote("default", "triage")
    store.update(SECOND, CANARY)
    with pytest.raises(FailedPreconditionError) as probing:
        store.deployments.promote("default", "triage")
    store.passes(2)
    with pytest.raises(FailedPreconditionError) as other:
        store.deployments.promote("default", "triage", 1)

    assert [caught.value.reason for caught in (none, probing, other)] == [
        "NO_ROLLOUT",
        "REVISION_NOT_READY",
        "OTHER_ROLLOUT",
    ]


def test_a_deployment_can_be_deleted_during_a_rollout(store: Store):
    number = store.rolls_out(SECOND)
    store.deployments.delete("default", "triage")

    assert store.add(number, answered(60)) is None
