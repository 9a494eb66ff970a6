"""Records for tests of storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from foreword.domain.dataset import Dataset
from foreword.domain.experiment import (
    ExperimentConfig,
    Phase,
    Snapshot,
    TaskOptions,
    TuneExperiment,
    TunePlan,
)
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.domain.report import (
    DataReport,
    EvaluationExample,
    Finding,
    Histogram,
    Matrix,
    ReportPart,
    Severity,
    SystemEvaluation,
    Table,
    Values,
)
from foreword.domain.suspect_rows import SuspectRow, SuspectRows
from foreword.domain.tuned_model import TunedModel
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Company, Lease, LeaseState, Subject
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.run_results import Beat
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.queue import JobQueue
from foreword_starter.model import REVISION

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)


def make_report() -> DataReport:
    """Make a report with one part of each kind."""
    return DataReport(
        row_count=3,
        usable_row_count=2,
        findings=(
            Finding(severity=Severity.ERROR, code="EMPTY_INPUT", message="Row 2 has no input.", rows=(2,), row_count=1),
        ),
        parts=(
            ReportPart(id="labels", title="Labels", content=Table(columns=("label", "rows"), rows=(("L3", "2"),))),
            ReportPart(id="lengths", title="Lengths", content=Histogram(unit="tokens", edges=(0.0, 1.5), counts=(2,))),
            ReportPart(
                id="pairs",
                title="Pairs",
                content=Matrix(row_labels=("L3",), column_labels=("L3",), values=((1.0,),)),
            ),
            ReportPart(id="numbers", title="Numbers", content=Values(values={"mean": 0.5})),
        ),
    )


def make_config(
    dataset: str, validation_dataset: str | None = None, base_model: str = "foreword--starter"
) -> ExperimentConfig:
    """Make the configuration of an experiment."""
    return ExperimentConfig(
        base_model=base_model,
        dataset=dataset,
        task="classification",
        task_options=TaskOptions(labels=("Warehouse", "Packaging"), multi_label=True, extra={"weight": 1.5}),
        tuning_type="prompt_tuning",
        verbalizer="classify {0, 1} {{input}}",
        parameters=TuneParameters(num_epochs=3, method_parameters={"depth": [1, 2]}),
        instruction="Classify the complaint.",
        validation_dataset=validation_dataset,
    )


def make_plan() -> TunePlan:
    """Make a plan with warnings and a schema."""
    parameters, sources = resolve_parameters(TuneParameters(num_epochs=3), TuneParameters(learning_rate=0.3))
    return TunePlan(
        parameters=parameters,
        sources=sources,
        training_row_count=160,
        validation_row_count=40,
        planned_updates=30,
        trainable_parameter_count=19_200,
        estimated_seconds=12.5,
        warnings=(Finding(severity=Severity.WARNING, code="FEW_UPDATES", message="Only 30 updates are planned."),),
        schema={
            "labels": ["Warehouse", "Packaging"],
            "multi_label": True,
            "separator": ", ",
            "label_sets": [["Warehouse", "Packaging"]],
        },
        labels=("Warehouse", "Packaging"),
        multi_label=True,
    )


def make_evaluation(system: str = "tuned") -> SystemEvaluation:
    """Make the results of one system."""
    return SystemEvaluation(
        system=system,
        metrics={"exact_match": 0.75, "perplexity": float("inf")},
        main_metric="exact_match",
        row_count=40,
        examples=(EvaluationExample(input="Where is it?", reference="Warehouse", prediction="L3"),),
    )


def make_suspect_rows(dataset: str, count: int = 1, text: str = "Where is it?") -> SuspectRows:
    """Make rows that look mislabelled."""
    rows = [
        SuspectRow(dataset=dataset, row=row, loss=9.5 / row, input=text, output="L3", prediction="Warehouse")
        for row in range(1, count + 1)
    ]
    return SuspectRows(rows=tuple(rows), examined_row_count=200, row_count=200)


def make_snapshot(step: int, loss: float = 0.5) -> Snapshot:
    """Make a point of a learning curve; the queue numbers it."""
    return Snapshot(
        sequence=0,
        step=step,
        epoch=step / 10,
        loss=loss,
        validation_loss=None,
        validation_metric=None,
        learning_rate=0.3,
        examples_per_second=20.0,
        phase=Phase.TUNING,
        create_time=MOMENT,
    )


def make_tuned_model(experiment: TuneExperiment, id: str = "model-1") -> TunedModel:
    """Make the tuned model of an experiment."""
    return TunedModel(
        tenant=experiment.tenant,
        id=id,
        display_name=experiment.display_name,
        base_model=experiment.config.base_model,
        tune_experiment=experiment.id,
        dataset=experiment.config.dataset,
        task=experiment.config.task,
        tuning_type=experiment.config.tuning_type,
        verbalizer=experiment.config.verbalizer,
        schema=experiment.plan.schema,
        labels=experiment.plan.labels,
        multi_label=experiment.plan.multi_label,
        artifact=f"tunedModels/{id}",
        content_sha256="ab" * 32,
        byte_size=76_800,
        num_virtual_tokens=50,
        max_input_tokens=256,
        max_output_tokens=128,
        provenance={"base_model": REVISION},
        evaluations=(make_evaluation(),),
        creator="key-1",
        create_time=MOMENT,
    )


def store_tenant(database: Database, tenant: str = "acme") -> str:
    """Store a tenant."""
    return TenantRepository(database).ensure_tenant(tenant).id


def store_dataset(
    database: Database,
    tenant: str = "acme",
    display_name: str = "complaints",
    request: RequestKey | None = None,
    content_sha256: str = "cd" * 32,
    blocks_sha256: str = "",
    row_count: int = 200,
) -> Dataset:
    """Store a dataset."""
    return DatasetRepository(database, store_tenant(database, tenant)).create(
        display_name=display_name,
        description="Two hundred complaints.",
        artifact=f"datasets/{content_sha256}",
        content_sha256=content_sha256,
        blocks_sha256=blocks_sha256,
        row_count=row_count,
        byte_size=20_000,
        report=make_report(),
        creator="key-1",
        request=request,
    )


def store_experiment(
    database: Database,
    tenant: str = "acme",
    *,
    dataset: str | None = None,
    validation_dataset: str | None = None,
    display_name: str = "Tuning",
    description: str = "",
    id: str | None = None,
    base_model: str = "foreword--starter",
    request: RequestKey | None = None,
    max_queued: int = 10_000,
    tags: Mapping[str, str] | None = None,
) -> TuneExperiment:
    """Store a queued experiment, with a new dataset unless one is given."""
    return ExperimentRepository(database, tenant).create(
        display_name=display_name,
        description=description,
        id=id,
        config=make_config(dataset or store_dataset(database, tenant).id, validation_dataset, base_model),
        plan=make_plan(),
        creator="key-1",
        request=request,
        max_queued=max_queued,
        tags=tags or {},
    )


def beat(queue: JobQueue, lease: Lease, *, duration: timedelta, **results: Any) -> bool:
    """Send a heartbeat of one lease, and return whether cancellation was requested.

    Raises:
        LeaseLostError: The lease is no longer valid.
    """
    (state,) = queue.heartbeat([Beat(lease=lease, **results)], duration=duration)
    if state is LeaseState.LOST:
        raise lease.lost()
    return state is LeaseState.CANCELLING


def company_of(*leases: Lease, had_turn: bool = True, is_full: bool = True) -> Company:
    """Return a company of runs that have had their turns."""
    return Company(leases=leases, had_turns={lease.job for lease in leases}, had_turn=had_turn, is_full=is_full)


def let_leases_expire(database: Database) -> None:
    """Let all leases expire, as if their workers had died some time ago."""
    with database.write() as session:
        past = database.clock(session) - timedelta(hours=1)
        session.execute(update(JobRow).where(JobRow.lease_worker.is_not(None)).values(lease_expire_time=past))


def let_workers_die(database: Database) -> datetime:
    """Let all workers look as if they had died 40 s ago, 20 s before their leases expire, and return that time."""
    with database.write() as session:
        now = database.clock(session)
        died = now - timedelta(seconds=40)
        session.execute(
            update(JobRow)
            .where(JobRow.lease_worker.is_not(None))
            .values(beat_time=died, lease_expire_time=now + timedelta(seconds=20))
        )
    return died


def let_wait(database: Database, job: Subject, wait: timedelta = timedelta(seconds=10)) -> None:
    """Let a queued job look as if it had waited for some time, so that no worker can be free."""
    row = JobRow
    with database.write() as session:
        session.execute(
            update(row)
            .where(row.tenant == job.tenant, row.resource == job.id)
            .values(create_time=job.create_time - wait)
        )
