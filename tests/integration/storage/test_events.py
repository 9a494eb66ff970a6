"""Events are stored with the changes that they describe: each of them once, and none without its change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from factories.stored import make_evaluation, make_tuned_model, store_dataset, store_experiment, store_tenant
from factories.stored_sweeps import store_sweep
from factories.stored_webhooks import StoredWebhook
from foreword.domain.deploy_policy import Admission, DeployPolicy, DeployVerdict, PolicyFigures, VerdictOutcome
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.report import Interval
from foreword.domain.rollout import CanaryPlan, ShadowPlan
from foreword.domain.rollout_figures import Observation, RevisionFigures, RolloutFigures
from foreword.errors import AbortedError, LeaseLostError
from foreword.names import DeploymentName
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.sweeps import SweepRepository
from foreword.storage.tables import ExperimentRow
from foreword.storage.workers.probes import ProbeQueue
from foreword.storage.workers.queue import JobQueue
from foreword.storage.workers.rollouts import BatchId, RolloutLedger

GUIDE = Path(__file__).parents[3] / "deploy" / "webhooks.md"
MINUTE = timedelta(minutes=1)
FAILURE = Failure(kind="failed_precondition", reason="DATASET_GONE", message="The dataset of Jane Doe is gone.")
BASE, SECOND, THIRD = (ModelReference(base_model=name) for name in ("first", "second", "third"))


def lease(database: Database) -> Lease:
    found = JobQueue(database).lease("worker", MINUTE)
    assert found is not None
    return found


def succeed(database: Database, held: Lease, model: str = "model-1") -> None:
    JobQueue(database).succeed(
        held,
        tuned_model=make_tuned_model(held.experiment, model),
        evaluations=[make_evaluation("tuned"), make_evaluation("base_zero_shot")],
        curve_advice="",
        compute_seconds=2.5,
    )


def test_a_run_that_succeeds_has_an_event_with_its_model_and_scores(database: Database):
    webhook = StoredWebhook(database)
    experiment = store_experiment(database, display_name="Tuning (1)")
    succeed(database, lease(database))

    (event,) = webhook.events()

    assert event["type"] == "tune_experiment.succeeded"
    assert event["timestamp"].endswith("Z")
    assert event["data"]["resource"] == f"tenants/acme/tuneExperiments/{experiment.id}"
    assert event["data"]["tuned_model"] == "tenants/acme/tunedModels/model-1"
    assert event["data"]["compute_seconds"] == 2.5
    assert event["data"]["systems"] == [
        {"system": system, "metric": "exact_match", "value": 0.75, "row_count": 40}
        for system in ("tuned", "base_zero_shot")
    ]


def test_a_run_that_fails_has_an_event_with_the_reason_and_without_texts(database: Database):
    webhook = StoredWebhook(database)
    store_experiment(database, description="Secret plans")
    JobQueue(database).fail(lease(database), FAILURE, 1.0)

    (event,) = webhook.events()

    assert event["type"] == "tune_experiment.failed"
    assert event["data"]["error"] == {"code": "FAILED_PRECONDITION", "reason": "DATASET_GONE"}
    assert "Jane" not in str(event)
    assert "Secret" not in str(event)


def test_a_run_that_is_cancelled_has_its_event_when_it_has_ended(database: Database):
    webhook = StoredWebhook(database)
    queued, running = (store_experiment(database) for _ in range(2))
    repository = ExperimentRepository(database, "acme")
    repository.request_cancel(queued.id)
    held = lease(database)
    repository.request_cancel(running.id)

    before = webhook.kinds()
    JobQueue(database).cancelled(held, 1.0)

    assert before == ["tune_experiment.cancelled"]
    assert webhook.kinds() == ["tune_experiment.cancelled"] * 2


def test_a_run_whose_row_is_unreadable_has_an_event_of_its_failure(database: Database):
    webhook = StoredWebhook(database)
    store_experiment(database)
    with database.write() as session:
        session.execute(update(ExperimentRow).values(config={"broken": True}, evaluations=["broken"]))

    assert JobQueue(database).lease("worker", MINUTE) is None
    assert webhook.kinds() == ["tune_experiment.failed"]


def test_a_worker_that_lost_its_lease_leaves_no_event(database: Database):
    webhook = StoredWebhook(database)
    store_experiment(database)
    held = lease(database)
    JobQueue(database).fail(held, FAILURE, 1.0)

    with pytest.raises(LeaseLostError):
        JobQueue(database).fail(held, FAILURE, 1.0)

    assert len(webhook.events()) == 1


def test_a_transaction_that_is_rolled_back_leaves_no_event(database: Database):
    webhook = StoredWebhook(database)
    store_experiment(database)
    held = lease(database)

    def breaks(moment: str) -> None:
        if moment == "queue.fail.before_commit":
            raise KeyError(moment)

    with pytest.raises(KeyError):
        JobQueue(database, failpoint=breaks).fail(held, FAILURE, 1.0)
    before = webhook.events()
    JobQueue(database).fail(held, FAILURE, 1.0)

    assert before == []
    assert webhook.kinds() == ["tune_experiment.failed"]


def test_a_sweep_has_one_event_when_its_last_trial_has_ended(database: Database):
    webhook = StoredWebhook(database)
    sweep = store_sweep(database)
    for number in range(3):
        succeed(database, lease(database), f"model-{number}")
    before = webhook.events()
    JobQueue(database).fail(lease(database), FAILURE, 1.0)

    (event,) = webhook.events()

    assert before == []
    assert event["type"] == "tune_sweep.failed"  # no trial has a score
    assert event["data"]["resource"] == f"tenants/acme/tuneSweeps/{sweep.id}"
    assert event["data"]["trials"] == {"SUCCEEDED": 3, "FAILED": 1}


def test_a_cancelled_sweep_has_one_event(database: Database):
    webhook = StoredWebhook(database)
    sweep = store_sweep(database)
    SweepRepository(database, "acme").request_cancel(sweep.id)

    (event,) = webhook.events()

    assert (event["type"], event["data"]["trials"]) == ("tune_sweep.cancelled", {"CANCELLED": 4})


def test_trials_that_end_at_the_same_time_make_one_event(database: Database):
    webhook = StoredWebhook(database)
    for _ in range(5):
        store_sweep(database)
        held = [lease(database) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(JobQueue(database).fail, item, FAILURE, 0.0) for item in held]:
                future.result()

    assert webhook.kinds() == ["tune_sweep.failed"] * 5


def test_events_go_to_the_webhooks_of_the_tenant_that_want_them(database: Database):
    wanting = [
        StoredWebhook(database, "*", id="all"),
        StoredWebhook(database, "tune_experiment.*", id="noun"),
        StoredWebhook(database, "rollout.*", "tune_experiment.failed", id="kind"),
    ]
    others = [
        StoredWebhook(database, "tune_experiment.succeeded", id="other"),
        StoredWebhook(database, enabled=False, id="disabled"),
        StoredWebhook(database, tenant="globex", id="foreign"),
    ]
    store_experiment(database)
    JobQueue(database).fail(lease(database), FAILURE, 1.0)

    assert [webhook.kinds() for webhook in wanting] == [["tune_experiment.failed"]] * 3
    assert [webhook.kinds() for webhook in others] == [[]] * 3


class Deployed:
    """A deployment whose first revision serves."""

    def __init__(self, database: Database, space: str = "default") -> None:
        self.tenant = store_tenant(database)
        self.database = database
        self.space = space
        self._batches = 0
        self.deployments = DeploymentRepository(database, self.tenant)
        self.deployments.create(space=space, id="triage", serving_name="triage", model=BASE)
        self.passes(1)

    def passes(self, revision: int) -> None:
        queue = ProbeQueue(self.database)
        (pending,) = [item for item in queue.pending(10) if item.key[1] == revision]
        queue.ready(self.tenant, pending.key, 0.5)

    def rolls_out(self, model: ModelReference, plan: CanaryPlan | ShadowPlan) -> int:
        number = self.deployments.update(self.space, "triage", model=model, plan=plan).candidate_revision
        self.passes(number)
        return number

    def answers(self, revision: int, count: int, *, failed: bool) -> None:
        seen = [Observation(seconds=0.1, failure="INTERNAL" if failed else "")] * count
        figures = RolloutFigures(candidate=RevisionFigures.of(seen), stable=RevisionFigures.of(seen))
        self._batches += 1
        batch = BatchId(server="server", number=self._batches)
        RolloutLedger(self.database).add(DeploymentName(self.tenant, self.space, "triage"), revision, figures, batch)


CANARY = CanaryPlan(share=0.1, promote_after_requests=50)


@pytest.mark.parametrize(
    ("failed", "kind", "errors"), [(False, "rollout.promoted", 0), (True, "rollout.rolled_back", 60)]
)
def test_a_canary_has_an_event_with_its_figures_when_it_has_ended(
    database: Database, failed: bool, kind: str, errors: int
):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    number = deployed.rolls_out(SECOND, CANARY)
    before = webhook.events()
    deployed.answers(number, 60, failed=failed)
    deployed.answers(number, 60, failed=failed)

    (event,) = webhook.events()

    assert before == []
    assert event["type"] == kind
    assert event["data"]["resource"] == "tenants/acme/spaces/default/deployments/triage"
    assert (event["data"]["revision"], event["data"]["stable_revision"]) == (2, 1)
    assert event["data"]["candidate"]["errors"] == errors
    assert event["data"]["explanation"]


def test_a_rollout_that_is_replaced_has_no_event_and_one_that_is_promoted_on_request_has(database: Database):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    deployed.rolls_out(SECOND, CANARY)
    deployed.rolls_out(THIRD, ShadowPlan(share=0.5))
    before = webhook.events()
    deployed.deployments.promote("default", "triage")

    (event,) = webhook.events()

    assert before == []
    assert (event["type"], event["data"]["rollout"]) == ("rollout.promoted", "shadow")


def test_a_rollout_whose_time_is_over_has_an_event(database: Database):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    number = deployed.rolls_out(SECOND, CanaryPlan(share=0.1, max_duration=timedelta(0)))
    RolloutLedger(database).end_overdue()

    (event,) = webhook.events()

    assert (event["type"], event["data"]["revision"]) == ("rollout.expired", number)


def test_a_rollback_has_an_event_with_both_revisions(database: Database):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    deployed.deployments.update("default", "triage", model=SECOND)
    deployed.passes(2)
    deployed.deployments.rollback("default", "triage")

    (event,) = webhook.events()

    assert event["type"] == "deployment.rolled_back"
    assert (event["data"]["from_revision"], event["data"]["to_revision"]) == (2, 1)


def test_a_rollback_that_only_ends_a_rollout_has_one_event(database: Database):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    deployed.rolls_out(SECOND, CANARY)
    deployed.deployments.rollback("default", "triage")

    assert webhook.kinds() == ["rollout.rolled_back"]


def verdict(dataset: str, outcome: VerdictOutcome) -> Admission:
    policy = DeployPolicy(metric="micro_f1", dataset=dataset, margin=0.0, min_row_count=30)
    figures = PolicyFigures(
        value=0.8, baseline_value=0.7, difference=0.1, interval=Interval(lower=0.05, upper=float("inf")), row_count=40
    )
    return Admission(
        policy=policy,
        verdict=DeployVerdict(
            outcome=outcome,
            policy=policy,
            baseline=SECOND,
            evaluation="e1",
            figures=figures,
            explanation="It is better.",
            force_reason="The old one offends Jane.",
            forced_by="key-1",
        ),
    )


@pytest.mark.parametrize("outcome", VerdictOutcome)
def test_a_verdict_of_the_deploy_gate_has_an_event_with_its_figures(database: Database, outcome: VerdictOutcome):
    webhook = StoredWebhook(database)
    dataset = store_dataset(database).id
    admission = verdict(dataset, outcome)
    SpaceRepository(database, "acme").create("live", policy=admission.policy)
    repository = DeploymentRepository(database, "acme")
    made: dict[str, Any] = {"space": "live", "serving_name": "triage", "model": BASE, "admission": admission}
    repository.create(id="tried", validate_only=True, **made)
    before = webhook.events()
    repository.create(id="triage", **made)

    (event,) = webhook.events()

    assert before == []
    assert event["type"] == f"deploy_gate.{outcome.value}"
    data = event["data"]
    assert (data["metric"], data["value"], data["difference"], data["row_count"]) == ("micro_f1", 0.8, 0.1, 40)
    assert data["interval"] == {"lower": 0.05, "upper": None}  # JSON has no infinity
    assert data["evaluation"] == "tenants/acme/evaluations/e1"
    assert data.get("forced_by") == ("key-1" if outcome is VerdictOutcome.FORCED else None)
    assert "Jane" not in str(event)


def test_an_update_that_is_refused_leaves_no_event(database: Database):
    webhook = StoredWebhook(database)
    deployed = Deployed(database)
    deployed.rolls_out(SECOND, CANARY)

    with pytest.raises(AbortedError):
        deployed.deployments.update("default", "triage", model=THIRD, admission=verdict("other", VerdictOutcome.FORCED))

    assert webhook.events() == []


def test_a_webhook_of_a_space_gets_its_deployments_and_what_belongs_to_no_space(database: Database):
    store_tenant(database)
    SpaceRepository(database, "acme").create("live")
    live = StoredWebhook(database, id="live", space="live")
    other = StoredWebhook(database, id="other", space="default")
    deployed = Deployed(database, "live")
    deployed.rolls_out(SECOND, CANARY)
    deployed.deployments.promote("live", "triage")
    store_experiment(database)
    JobQueue(database).fail(lease(database), FAILURE, 1.0)

    assert live.kinds() == ["rollout.promoted", "tune_experiment.failed"]
    assert other.kinds() == ["tune_experiment.failed"]


def test_an_event_has_the_same_id_for_every_webhook_and_another_one_each_time(database: Database):
    webhooks = [StoredWebhook(database, id=id) for id in ("a", "b")]
    for _ in range(2):
        store_experiment(database)
        JobQueue(database).fail(lease(database), FAILURE, 1.0)

    ids = [[item.id for item in webhook.repository.list_deliveries(webhook.id).items] for webhook in webhooks]

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_the_guide_names_every_field_of_an_event(database: Database):
    webhook = StoredWebhook(database)
    for end in (succeed, lambda database, held: JobQueue(database).fail(held, FAILURE, 1.0)):
        store_experiment(database)
        end(database, lease(database))
    SweepRepository(database, "acme").request_cancel(store_sweep(database).id)
    deployed = Deployed(database)
    deployed.answers(deployed.rolls_out(SECOND, CANARY), 60, failed=False)
    deployed.rolls_out(THIRD, ShadowPlan(share=0.5))
    deployed.deployments.promote("default", "triage")
    deployed.deployments.rollback("default", "triage")
    admission = verdict(store_dataset(database).id, VerdictOutcome.FORCED)
    SpaceRepository(database, "acme").create("live", policy=admission.policy)
    deployed.deployments.create(space="live", id="live", serving_name="live", model=BASE, admission=admission)

    fields = {field for event in webhook.events() for field in event["data"]}

    assert len(set(webhook.kinds())) == 6
    assert [field for field in sorted(fields) if f"`{field}`" not in GUIDE.read_text()] == []
