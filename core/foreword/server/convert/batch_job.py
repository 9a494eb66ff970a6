"""Conversion of batch jobs: requests to create them, the jobs, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.domain.batch_job import BatchAnswer, BatchJob, BatchJobConfig, BatchJobPlan, BatchJobProgress
from foreword.domain.inference import GenerateParameters, ReturnOptions, TokenUsage
from foreword.domain.label_options import LabelOptions
from foreword.domain.violations import Violations
from foreword.names import BaseModelName, BatchJobName, DatasetName, TenantName, TunedModelName, check_id
from foreword.server.calls.status import failure_status
from foreword.server.convert.generate_parameters import parse_generate_parameters
from foreword.server.convert.inference import parse_label_options, stop_reason, token_usage
from foreword.server.convert.job import job_fields
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import batch_job_pb2, batch_job_service_pb2, inference_pb2

_MAX_MODEL: Final = 500
CLASSIFY: Final = "batch_job.classify"
"""Path of the options of labels in a request."""
GENERATE: Final = "batch_job.generate"
"""Path of the parameters of generated text in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatchJob:
    """A parsed CreateBatchJob request, before any names are looked up.

    Attributes:
        tenant: Id of the tenant; None if the request names no parent.
        id: Id of the batch job; None to generate one.
        dataset: None if only the model and the options are to be checked.
        classify: How labels are chosen; None if it was not set.
        generate: How text is generated; None if it was not set.
        limit_is_default: Whether `max_new_tokens` was left unset.
    """

    tenant: str | None
    id: str | None
    display_name: str
    description: str
    dataset: DatasetName | None
    model: str
    classify: LabelOptions | None
    generate: GenerateParameters | None
    limit_is_default: bool
    validate_only: bool


def parse_new_batch_job(request: batch_job_service_pb2.CreateBatchJobRequest) -> NewBatchJob:
    """Parse a CreateBatchJob request."""
    violations = Violations()
    message = request.batch_job
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.batch_job_id:
        violations.collect(lambda: check_id(request.batch_job_id, "batch_job_id"))
    display_name = violations.name("batch_job.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    description = violations.text("batch_job.description", message.description, MAX_DESCRIPTION)
    dataset = None
    if message.dataset or not request.validate_only:
        dataset = violations.collect(lambda: DatasetName.parse(message.dataset, "batch_job.dataset"))
    model = violations.text("batch_job.model", message.model, _MAX_MODEL, required=True)
    wanted = message.WhichOneof("request")
    classify = parse_label_options(violations, message.classify, f"{CLASSIFY}.") if wanted == "classify" else None
    generate = _parse_generate(violations, message.generate) if wanted == "generate" else None
    violations.check()
    return NewBatchJob(
        tenant=None if parent is None else parent.tenant,
        id=request.batch_job_id or None,
        display_name=display_name,
        description=description,
        dataset=dataset,
        model=model,
        classify=classify,
        generate=generate,
        limit_is_default=not message.generate.HasField("max_new_tokens"),
        validate_only=request.validate_only,
    )


def _parse_generate(violations: Violations, message: inference_pb2.GenerateParameters) -> GenerateParameters:
    parameters = parse_generate_parameters(violations, message, GENERATE)
    for field, is_set in (
        ("time_limit", message.HasField("time_limit")),
        ("return_options", parameters.return_options != ReturnOptions()),
    ):
        if is_set:
            violations.add(f"{GENERATE}.{field}", "must be unset, because batch jobs do not have it; use Generate")
    return parameters


def batch_job(item: BatchJob) -> batch_job_pb2.BatchJob:
    """Convert a batch job to a message."""
    message = planned_batch_job(item.tenant, item.display_name, item.description, item.config, item.plan)
    message.name = str(BatchJobName(item.tenant, item.id))
    message.MergeFrom(
        batch_job_pb2.BatchJob(
            **job_fields(item),
            progress=_progress(item.progress),
            retry_of="" if item.retry_of is None else str(BatchJobName(item.tenant, item.retry_of)),
            resumed_count=item.resumed_count,
        )
    )
    return message


def planned_batch_job(
    tenant: str, display_name: str, description: str, config: BatchJobConfig, plan: BatchJobPlan | None
) -> batch_job_pb2.BatchJob:
    """Convert a batch job that was only validated to a message; without a dataset, it has no plan."""
    tuned = config.tuned_model
    return batch_job_pb2.BatchJob(
        display_name=display_name,
        description=description,
        dataset=str(DatasetName(tenant, config.dataset)) if config.dataset else "",
        model=config.model,
        classify=None if config.classify is None else _classify(config.classify),
        generate=None if config.generate is None else _generate(config.generate),
        version=str(BaseModelName(config.base_model) if tuned is None else TunedModelName(tenant, tuned)),
        plan=None if plan is None else _plan(plan),
    )


def batch_answer(item: BatchAnswer) -> batch_job_pb2.BatchAnswer:
    """Convert the answer to a row to a message."""
    check_cancelled()
    usage = TokenUsage(
        input_tokens=item.input_tokens,
        generated_tokens=item.generated_tokens,
        soft_prompt_tokens=item.soft_prompt_tokens,
    )
    return batch_job_pb2.BatchAnswer(
        row=item.row,
        input=item.input,
        fields_json=item.fields,
        answer=item.answer,
        labels=item.labels,
        abstained=item.abstained,
        probability=item.probability,
        label_probabilities=dict(item.label_probabilities),
        stop_reason=None if item.stop_reason is None else stop_reason(item.stop_reason),
        usage=token_usage(usage) if item.failure is None else None,
        seed=item.seed,
        error=None if item.failure is None else failure_status(item.failure),
    )


def _plan(item: BatchJobPlan) -> batch_job_pb2.BatchJobPlan:
    return batch_job_pb2.BatchJobPlan(
        row_count=item.row_count,
        input_tokens=item.input_tokens,
        estimated_seconds=item.estimated_seconds,
        capacity_unit_hours=item.estimated_seconds / 3600,
    )


def _classify(item: LabelOptions) -> batch_job_pb2.BatchClassify:
    return batch_job_pb2.BatchClassify(
        threshold=item.threshold,
        min_precision=item.min_precision,
        labels=item.labels,
        multi_label=item.multi_label,
        truncate_input_tokens=item.truncate_input_tokens,
    )


def _generate(item: GenerateParameters) -> inference_pb2.GenerateParameters:
    """Convert parameters to a message, all of them with their values."""
    method = "SAMPLE" if item.sample else "GREEDY"
    message = inference_pb2.GenerateParameters(
        decoding_method=f"DECODING_METHOD_{method}",
        min_new_tokens=item.min_new_tokens,
        max_new_tokens=item.max_new_tokens,
        stop_sequences=item.stop_sequences,
        include_stop_sequence=item.include_stop_sequence,
        repetition_penalty=item.repetition_penalty,
        truncate_input_tokens=item.truncate_input_tokens,
    )
    if item.sample:
        message.temperature, message.top_p, message.top_k = item.temperature, item.top_p, item.top_k
        message.random_seed = item.seed
    if item.length_penalty is not None:
        message.length_penalty.decay_factor = item.length_penalty.decay_factor
        message.length_penalty.start_index = item.length_penalty.start_index
    return message


def _progress(item: BatchJobProgress) -> batch_job_pb2.BatchJobProgress:
    return batch_job_pb2.BatchJobProgress(
        percent=item.percent,
        answered_count=item.answered_count,
        failed_count=item.failed_count,
        total_count=item.total_count,
        remaining_seconds=item.remaining_seconds,
        phase=item.phase.value,
    )
