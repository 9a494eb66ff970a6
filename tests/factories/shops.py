"""A worker's resources with an empty database, for tests of runs: the fixture `shop`."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from factories.databases import open_database
from factories.runs import make_parameters, make_plan_of, make_rows
from factories.serving import TinyBaseModel
from factories.stored import make_config, store_dataset
from foreword.config import Settings
from foreword.data.rows import write_rows
from foreword.domain.batch_job import BatchJob, BatchJobConfig, BatchJobPlan
from foreword.domain.dataset import Dataset, Row
from foreword.domain.evaluation import EvaluatedSystem, Evaluation, EvaluationConfig
from foreword.domain.experiment import TaskOptions, TuneExperiment
from foreword.domain.inference import GenerateParameters
from foreword.domain.label_options import LabelOptions
from foreword.domain.parameters import TuneParameters
from foreword.plugin.manager import PluginManager
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.dataset_rows import rows_files
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Shop:
    """The resources of a worker, and its experiments."""

    workshop: Workshop
    url: str

    @property
    def repository(self) -> ExperimentRepository:
        """The tenant's experiments."""
        return ExperimentRepository(self.workshop.database, "acme")

    def queue_run(
        self,
        *,
        base_model: str = "tiny--bart",
        id: str | None = None,
        task: str = "classification",
        tuning_type: str = "prompt_tuning",
        tenant: str = "acme",
        rows: Sequence[Row] = tuple(make_rows()),
        validation_rows: Sequence[Row] = (),
        runs_alone: bool = False,
        **parameters: object,
    ) -> TuneExperiment:
        """Queue a very short run."""
        dataset = self.store_rows(rows, tenant)
        config = replace(
            make_config(dataset.id, self.store_rows(validation_rows, tenant).id if validation_rows else None),
            base_model=base_model,
            task=task,
            tuning_type=tuning_type,
            verbalizer="{{input}}",
            parameters=TuneParameters(),
            evaluate_base=False,
        )
        return ExperimentRepository(self.workshop.database, tenant).create(
            display_name="Tuning",
            description="",
            id=id,
            config=config,
            plan=replace(make_plan_of(rows, make_parameters(**{"num_epochs": 2, **parameters})), runs_alone=runs_alone),
            creator="key-1",
            request=None,
            max_queued=100,
        )

    def queue_evaluation(
        self,
        *systems: EvaluatedSystem,
        rows: Sequence[Row] = tuple(make_rows()),
        examples: Sequence[Row] = (),
        tenant: str = "acme",
        task: str = "classification",
    ) -> Evaluation:
        """Queue an evaluation; by default, of the base model."""
        return EvaluationRepository(self.workshop.database, tenant).create(
            display_name="Evaluation",
            description="",
            config=EvaluationConfig(
                dataset=self.store_rows(rows, tenant).id,
                task=task,
                task_options=TaskOptions(),
                systems=systems
                or (EvaluatedSystem(id="base", model="baseModels/tiny--bart", base_model="tiny--bart"),),
                examples_dataset=self.store_rows(examples, tenant).id if examples else None,
            ),
            estimated_seconds=1.0,
            creator="key-1",
            max_queued=100,
        )

    def queue_batch(
        self,
        *,
        rows: Sequence[Row] = tuple(make_rows()),
        tenant: str = "acme",
        tuned_model: str | None = None,
        base_model: str = "tiny--bart",
        classify: LabelOptions | None = None,
        generate: GenerateParameters | None = None,
    ) -> BatchJob:
        """Queue a batch job; by default, of the base model with the labels of `make_rows`."""
        if classify is None and generate is None:
            classify = LabelOptions(labels=() if tuned_model else ("Warehouse", "Service"))
        return BatchJobRepository(self.workshop.database, tenant).create(
            display_name="Batch",
            description="",
            config=BatchJobConfig(
                dataset=self.store_rows(rows, tenant).id,
                model="its name",
                base_model=base_model,
                tuned_model=tuned_model,
                classify=classify,
                generate=generate,
            ),
            plan=BatchJobPlan(row_count=len(rows), input_tokens=1, estimated_seconds=1.0),
            creator="key-1",
            max_queued=100,
        )

    def store_rows(self, rows: Sequence[Row], tenant: str = "acme") -> Dataset:
        """Store a dataset with its rows."""
        canonical = write_rows(rows)
        files, blocks_sha256 = rows_files(io.BytesIO(canonical))
        dataset = store_dataset(
            self.workshop.database,
            tenant,
            content_sha256=hashlib.sha256(canonical).hexdigest(),
            blocks_sha256=blocks_sha256,
            row_count=len(rows),
        )
        self.workshop.artifacts.write(dataset.artifact, files)
        return dataset

    def with_queue(self, make: Callable[[Database], JobQueue]) -> Shop:
        """Return the same resources with another queue."""
        return replace(self, workshop=replace(self.workshop, queue=make(self.workshop.database)))


@pytest.fixture(scope="session")
def plugins() -> PluginManager:
    """The installed plugins and a small base model."""
    found = PluginManager.load()
    found.base_models.claim("tests")
    found.base_models.add(TinyBaseModel())
    return found


@pytest.fixture
def shop(tmp_path: Path, plugins: PluginManager) -> Iterator[Shop]:
    """An empty SQLite database with the other resources of a worker."""
    settings = Settings(home=tmp_path, dtype="float32", lease_seconds=60.0, checkpoint_seconds=3600.0)
    database = open_database(settings.resolved_database_url)
    yield Shop(
        Workshop(
            settings=settings,
            plugins=plugins,
            database=database,
            artifacts=ArtifactStore(settings.resolved_artifacts_url),
            checkpoints=CheckpointStore(settings.resolved_artifacts_url, key=b"key"),
            queue=JobQueue(database),
        ),
        settings.resolved_database_url,
    )
    database.close()
