"""The last stage of a run: its tuned model is stored together with its end."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.experiment import TuneExperiment
from foreword.domain.report import SystemEvaluation
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE, TunedModel
from foreword.plugin.interfaces import BaseModel, Schema, TuningMethod
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.keys import tuned_model_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.tuning.adapter import adapter_files
from foreword.tuning.advice import curve_advice
from foreword.tuning.runs.results import TrainResult


def store_tuned_model(
    workshop: Workshop,
    lease: Lease,
    *,
    base: BaseModel,
    method: TuningMethod,
    result: TrainResult,
    schema: Schema,
    start: TunedModel | None,
    evaluations: Sequence[SystemEvaluation],
    calibration: AnswerCalibration | None,
    suspects: SuspectRows,
    compute_seconds: float,
) -> None:
    """Write the adapter, then commit the end of the experiment and the tuned model in one transaction.

    Args:
        schema: The task's schema of the rows that the artifact was trained on.
        start: The tuned model that the run started from; None for another start.
        calibration: Calibration of the probabilities of the tuned model; None if there is none.
        compute_seconds: Total compute time of the run.

    Raises:
        LeaseLostError: Another worker owns the run, or it has ended.
        UnavailableError: The database or the artifact store is unavailable.
    """
    experiment, plan = lease.experiment, lease.experiment.plan
    files = adapter_files(method, result.artifact, base.spec)
    digest = hashlib.sha256(files[TENSORS_FILE]).hexdigest()
    model_id = uuid.uuid4().hex[:20]
    artifact = tuned_model_key(experiment.tenant, model_id, digest)
    curve = ExperimentRepository(workshop.database, experiment.tenant).get(experiment.id, after_sequence=0).snapshots
    end = partial(
        workshop.queue.succeed,
        lease,
        tuned_model=TunedModel(
            tenant=experiment.tenant,
            id=model_id,
            display_name=experiment.display_name,
            base_model=base.spec.id,
            tune_experiment=experiment.id,
            dataset=experiment.config.dataset,
            task=experiment.config.task,
            tuning_type=method.id,
            verbalizer=experiment.config.verbalizer,
            schema=schema,
            labels=plan.labels,
            multi_label=plan.multi_label,
            artifact=artifact,
            content_sha256=digest,
            byte_size=len(files[TENSORS_FILE]),
            num_virtual_tokens=result.artifact.context_tokens,
            max_input_tokens=plan.parameters.max_input_tokens,
            max_output_tokens=plan.parameters.max_output_tokens,
            provenance=_provenance(workshop, experiment, base, start, files),
            evaluations=tuple(replace(item, row_statistics="") for item in evaluations),
            creator=experiment.creator,
            create_time=workshop.database.now(),
            answer_calibration=calibration,
        ),
        evaluations=evaluations,
        curve_advice=curve_advice(curve, plan),
        suspect_rows=suspects,
        compute_seconds=compute_seconds,
    )
    publisher = ArtifactPublisher(database=workshop.database, artifacts=workshop.artifacts)
    with publisher.publish(experiment.tenant, artifact, files):
        end()


def _provenance(
    workshop: Workshop,
    experiment: TuneExperiment,
    base: BaseModel,
    start: TunedModel | None,
    files: Mapping[str, bytes],
) -> dict[str, str]:
    """Return the hashes of the dependencies of the tuned model and of its configuration file."""
    config = repr(experiment.config) + repr(experiment.plan.parameters)
    return {
        "base_model": base.spec.revision,
        **seen_rows(workshop.database, experiment, start),
        "config": hashlib.sha256(config.encode()).hexdigest(),
        "adapter_config": hashlib.sha256(files[CONFIG_FILE]).hexdigest(),
    }


def seen_rows(database: Database, experiment: TuneExperiment, start: TunedModel | None) -> dict[str, str]:
    """Return the hashes of the rows that an experiment was tuned on, that chose its best epoch, and of its start."""
    datasets = {
        "dataset": experiment.config.dataset,
        "validation_dataset": experiment.config.validation_dataset,
    }
    stored = DatasetRepository(database, experiment.tenant)
    seen = {kind: stored.get(id).content_sha256 for kind, id in datasets.items() if id is not None}
    if start is None:
        return seen
    return seen | {"init_tuned_model": start.content_sha256, "init_datasets": " ".join(sorted(start.seen_datasets))}
