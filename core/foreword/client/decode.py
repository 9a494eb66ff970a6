"""Decoding of API messages into the resources that the client returns."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.client import decode_usage, resources
from foreword.client import decode_values as values
from foreword.client.capture_messages import decode_capture, decode_capture_usage, decode_provenance
from foreword.client.decode_policy import deploy_policy, deploy_verdict
from foreword.client.rollout_messages import decode_rollout
from foreword.client.status import error_from_status
from foreword.domain.base_model import Architecture
from foreword.domain.dataset import Row
from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.inference import LabelSet, StopReason, Token, TokenUsage, TopToken
from foreword.domain.job import JobState
from foreword.domain.tenant import Scope, TenantState
from foreword.errors import ForewordError
from foreword.v1 import (
    catalog_pb2,
    catalog_service_pb2,
    dataset_pb2,
    deployment_pb2,
    inference_pb2,
    inference_service_pb2,
    tenant_pb2,
    tenant_service_pb2,
    tune_experiment_pb2,
    tuned_model_pb2,
)


def base_model(message: catalog_pb2.BaseModel) -> resources.BaseModel:
    """Decode a base model."""
    return resources.BaseModel(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        architecture=values.member(Architecture, catalog_pb2.Architecture, "ARCHITECTURE_", message.architecture),
        context_tokens=message.context_tokens,
        hidden_size=message.hidden_size,
        parameter_count=message.parameter_count,
        licence=message.licence,
        tunable=message.tunable,
        recipes={tuning_type: values.tune_parameters(recipe) for tuning_type, recipe in message.recipes.items()},
        aliases=tuple(message.aliases),
        plugin=message.plugin,
    )


def task(message: catalog_pb2.Task) -> resources.Task:
    """Decode a task."""
    return resources.Task(
        id=message.id,
        display_name=message.display_name,
        description=message.description,
        default_verbalizer=message.default_verbalizer,
        closed=message.closed,
        options=tuple(values.parameter_spec(item) for item in message.options),
        metrics=tuple(values.metric_spec(item) for item in message.metrics),
        plugin=message.plugin,
    )


def tuning_method(message: catalog_pb2.TuningMethod) -> resources.TuningMethod:
    """Decode a tuning method."""
    return resources.TuningMethod(
        id=message.id,
        display_name=message.display_name,
        description=message.description,
        parameters=tuple(values.parameter_spec(item) for item in message.parameters),
        plugin=message.plugin,
        unused_parameters=tuple(message.unused_parameters),
    )


def parameters(message: catalog_service_pb2.ListParametersResponse) -> resources.Parameters:
    """Decode the parameters that all models have in common."""
    return resources.Parameters(
        tune_parameters=tuple(map(values.parameter_spec, message.tune_parameters)),
        generate_parameters=tuple(map(values.parameter_spec, message.generate_parameters)),
    )


def row_validator(message: catalog_pb2.RowValidator) -> resources.RowValidator:
    """Decode a row validator."""
    return resources.RowValidator(id=message.id, description=message.description, plugin=message.plugin)


def plugin(message: catalog_pb2.Plugin) -> resources.Plugin:
    """Decode a plugin."""
    return resources.Plugin(
        id=message.id,
        distribution=message.distribution,
        version=message.version,
        module=message.module,
        state=values.member(resources.PluginState, catalog_pb2.PluginState, "PLUGIN_STATE_", message.state),
        error=message.error,
        provides=tuple(message.provides),
        left_out=tuple(message.left_out),
    )


def dataset(message: dataset_pb2.Dataset) -> resources.Dataset:
    """Decode a dataset."""
    return resources.Dataset(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        version=message.version,
        content_sha256=message.content_sha256,
        row_count=message.row_count,
        byte_size=message.byte_size,
        report=values.data_report(message.report) if message.HasField("report") else None,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        unlabelled=message.unlabelled,
        captured_from=decode_provenance(message),
    )


def dataset_row(message: dataset_pb2.DatasetRow) -> Row:
    """Decode a row."""
    return Row(number=message.row, input=message.input, output=message.output, fields=message.fields_json)


def _tune_plan(message: tune_experiment_pb2.TunePlan) -> resources.TunePlan:
    return resources.TunePlan(
        parameters=values.tune_parameters(message.parameters),
        sources=dict(message.sources),
        training_row_count=message.training_row_count,
        validation_row_count=message.validation_row_count,
        planned_updates=message.planned_updates,
        trainable_parameter_count=message.trainable_parameter_count,
        estimated_seconds=message.estimated_seconds,
        estimated_capacity_unit_hours=message.estimated_capacity_unit_hours,
        warnings=tuple(values.finding(item) for item in message.warnings),
        labels=tuple(message.labels),
        multi_label=message.multi_label,
    )


def _tune_progress(message: tune_experiment_pb2.TuneProgress) -> resources.TuneProgress:
    return resources.TuneProgress(
        percent=message.percent,
        step=message.step,
        total_steps=message.total_steps,
        epoch=message.epoch,
        total_epochs=message.total_epochs,
        loss=values.optional(message, "loss"),
        remaining_seconds=values.optional(message, "remaining_seconds"),
        phase=message.phase,
    )


def _tune_snapshot(message: tune_experiment_pb2.TuneSnapshot) -> resources.TuneSnapshot:
    return resources.TuneSnapshot(
        sequence=message.sequence,
        step=message.step,
        epoch=message.epoch,
        loss=message.loss,
        validation_loss=values.optional(message, "validation_loss"),
        validation_metric=values.optional(message, "validation_metric"),
        learning_rate=message.learning_rate,
        examples_per_second=message.examples_per_second,
        phase=message.phase,
        create_time=values.time(message, "create_time"),
    )


def experiment_state(number: int) -> JobState:
    """Decode the state of an experiment."""
    return values.member(JobState, tune_experiment_pb2.TuneExperiment.State, "STATE_", number)


def tune_experiment(message: tune_experiment_pb2.TuneExperiment, *, planned: bool = False) -> resources.TuneExperiment:
    """Decode an experiment. If `planned`, it was only validated and has no state; it is returned as queued."""
    return resources.TuneExperiment(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        base_model=message.base_model,
        dataset=message.dataset,
        validation_dataset=message.validation_dataset,
        task=message.task,
        task_options=values.task_options(message.task_options),
        tuning_type=message.tuning_type,
        verbalizer=message.verbalizer,
        parameters=values.tune_parameters(message.parameters),
        instruction=message.instruction,
        evaluate_base=message.evaluate_base if message.HasField("evaluate_base") else True,
        plan=_tune_plan(message.plan),
        state=JobState.QUEUED if planned and not message.state else experiment_state(message.state),
        failure=values.failure(message),
        progress=_tune_progress(message.progress),
        snapshots=tuple(_tune_snapshot(item) for item in message.snapshots),
        evaluations=tuple(values.evaluation(item) for item in message.evaluations),
        curve_advice=message.curve_advice,
        suspect_rows=values.suspect_rows(message.suspect_rows) if message.HasField("suspect_rows") else None,
        tuned_model=message.tuned_model,
        capacity_unit_hours=message.capacity_unit_hours,
        wait_seconds=message.wait_seconds,
        tune_sweep=message.tune_sweep,
        tags=dict(sorted(message.tags.items())),
        retry_of=message.retry_of,
        resumed_step=message.resumed_step,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
        start_time=values.time(message, "start_time"),
        end_time=values.time(message, "end_time"),
        wait_start_time=values.time(message, "wait_start_time"),
    )


def tuned_model(message: tuned_model_pb2.TunedModel) -> resources.TunedModel:
    """Decode a tuned model."""
    return resources.TunedModel(
        name=message.name,
        display_name=message.display_name,
        base_model=message.base_model,
        tune_experiment=message.tune_experiment,
        dataset=message.dataset,
        task=message.task,
        tuning_type=message.tuning_type,
        verbalizer=message.verbalizer,
        labels=tuple(message.labels),
        multi_label=message.multi_label,
        num_virtual_tokens=message.num_virtual_tokens,
        byte_size=message.byte_size,
        content_sha256=message.content_sha256,
        provenance=dict(message.provenance),
        evaluations=tuple(values.evaluation(item) for item in message.evaluations),
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        answer_calibration=(
            values.answer_calibration(message.answer_calibration) if message.HasField("answer_calibration") else None
        ),
        tags=dict(sorted(message.tags.items())),
    )


def space(message: deployment_pb2.Space) -> resources.Space:
    """Decode a space."""
    stage = message.stage or deployment_pb2.Space.STAGE_DEVELOPMENT
    return resources.Space(
        name=message.name,
        display_name=message.display_name,
        stage=values.member(Stage, deployment_pb2.Space.Stage, "STAGE_", stage),
        description=message.description,
        tags=tuple(message.tags),
        policy=deploy_policy(message.policy) if message.HasField("policy") else None,
        etag=message.etag,
        warnings=tuple(values.finding(item) for item in message.warnings),
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
    )


def _deployment_revision(message: deployment_pb2.DeploymentRevision) -> resources.DeploymentRevision:
    return resources.DeploymentRevision(
        revision=message.revision,
        model=message.model,
        state=values.member(RevisionState, deployment_pb2.DeploymentRevision.State, "STATE_", message.state),
        failure=values.failure(message),
        probe_effect=message.probe_effect,
        create_time=values.time(message, "create_time"),
        rollout=decode_rollout(message.rollout) if message.HasField("rollout") else None,
        verdict=deploy_verdict(message.verdict) if message.HasField("verdict") else None,
    )


def deployment(message: deployment_pb2.Deployment) -> resources.Deployment:
    """Decode a deployment."""
    return resources.Deployment(
        name=message.name,
        display_name=message.display_name,
        serving_name=message.serving_name,
        description=message.description,
        tags=tuple(message.tags),
        model=message.model,
        state=values.member(DeploymentState, deployment_pb2.Deployment.State, "STATE_", message.state),
        failure=values.failure(message),
        serving_revision=message.serving_revision,
        revisions=tuple(_deployment_revision(item) for item in message.revisions),
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
        etag=message.etag,
        candidate_revision=message.candidate_revision,
        capture=decode_capture(message.capture),
        capture_usage=decode_capture_usage(message.capture_usage) if message.HasField("capture_usage") else None,
    )


def token_usage(message: inference_pb2.TokenUsage) -> TokenUsage:
    """Decode token counts."""
    return TokenUsage(
        input_tokens=message.input_tokens,
        generated_tokens=message.generated_tokens,
        soft_prompt_tokens=message.soft_prompt_tokens,
    )


def generate_result(
    message: inference_service_pb2.GenerateResponse | inference_service_pb2.StreamGenerateResponse, text: str
) -> resources.GenerateResult:
    """Decode a finished answer whose whole text is `text`."""
    return resources.GenerateResult(
        text=text,
        stop_reason=values.member(StopReason, inference_pb2.StopReason, "STOP_REASON_", message.stop_reason),
        usage=token_usage(message.usage),
        seed=message.seed,
        model_version=message.model_version,
        input_text=values.optional(message, "input_text"),
        input_tokens=tuple(_token(item) for item in message.input_tokens),
        generated_tokens=tuple(_token(item) for item in message.generated_tokens),
        request_id=message.request_id,
    )


def _token(message: inference_pb2.Token) -> Token:
    return Token(
        text=message.text,
        id=message.id,
        log_probability=values.optional(message, "log_probability"),
        rank=values.optional(message, "rank"),
        top_tokens=tuple(
            TopToken(text=item.text, id=item.id, log_probability=item.log_probability) for item in message.top_tokens
        ),
    )


def batch_result(message: inference_service_pb2.BatchGenerateResult) -> resources.GenerateResult | ForewordError:
    """Decode the result or the error of one prompt of a batch."""
    if message.WhichOneof("result") == "error":
        return error_from_status(message.error)
    return generate_result(message.response, message.response.text)


def classify_result(message: inference_service_pb2.ClassifyResponse) -> resources.ClassifyResult:
    """Decode labels with their probabilities."""
    return resources.ClassifyResult(
        labels=tuple(message.labels),
        label_probabilities={item.label: item.probability for item in message.label_probabilities},
        label_sets=tuple(
            LabelSet(labels=tuple(item.labels), probability=item.probability) for item in message.label_sets
        ),
        abstained=message.abstained,
        usage=token_usage(message.usage),
        model_version=message.model_version,
        threshold=message.threshold if message.HasField("threshold") else None,
        request_id=message.request_id,
    )


def tokenize_result(message: inference_service_pb2.TokenizeResponse) -> resources.TokenizeResult:
    """Decode a token count."""
    return resources.TokenizeResult(
        token_count=message.token_count,
        tokens=tuple(message.tokens),
        part_token_counts=dict(message.part_token_counts),
        soft_prompt_tokens=message.soft_prompt_tokens,
    )


def _scopes(numbers: Iterable[int]) -> frozenset[Scope]:
    return frozenset(values.member(Scope, tenant_pb2.Scope, "SCOPE_", number) for number in numbers)


def _tenant_state(number: int) -> TenantState | None:
    return values.member(TenantState, tenant_pb2.Tenant.State, "STATE_", number) if number else None


def identity(message: tenant_service_pb2.WhoAmIResponse) -> resources.Identity:
    """Decode the identity of a key."""
    return resources.Identity(
        tenant=message.tenant,
        tenant_display_name=message.tenant_display_name,
        tenant_state=_tenant_state(message.tenant_state),
        api_key=message.api_key,
        api_key_display_name=message.api_key_display_name,
        scopes=_scopes(message.scopes),
        expire_time=values.time(message, "expire_time"),
        parent_key=message.parent_key,
        subject=message.subject,
        server_version=message.server_version,
        quota=decode_usage.quota(message.quota) if message.HasField("quota") else None,
    )


def tenant(message: tenant_pb2.Tenant) -> resources.Tenant:
    """Decode a tenant."""
    return resources.Tenant(
        name=message.name,
        display_name=message.display_name,
        state=_tenant_state(message.state),
        suspend_reason=message.suspend_reason,
        suspend_time=values.time(message, "suspend_time"),
        delete_time=values.time(message, "delete_time"),
        purge_time=values.time(message, "purge_time"),
        etag=message.etag,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
    )


def api_key(message: tenant_pb2.ApiKey) -> resources.ApiKey:
    """Decode an API key."""
    return resources.ApiKey(
        name=message.name,
        display_name=message.display_name,
        scopes=_scopes(message.scopes),
        expire_time=values.time(message, "expire_time"),
        secret=message.secret,
        parent_key=message.parent_key,
        last_use_time=values.time(message, "last_use_time"),
        create_time=values.time(message, "create_time"),
    )
