"""Requests that many tests send, and the details of errors."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from foreword.v1 import (
    batch_job_pb2,
    batch_job_service_pb2,
    capture_service_pb2,
    dataset_service_pb2,
    deployment_pb2,
    deployment_service_pb2,
    evaluation_pb2,
    evaluation_service_pb2,
    saved_prompt_service_pb2,
    tenant_service_pb2,
    tune_experiment_pb2,
    tune_experiment_service_pb2,
    tune_parameters_pb2,
    tune_sweep_service_pb2,
    webhook_pb2,
    webhook_service_pb2,
)

_numbers = itertools.count(1)
LABELS = ("Planning", "Service", "Warehouse", "Marketing")


@dataclass(frozen=True)
class RpcFailure:
    """The details of a failed call."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    violations: Mapping[str, str]
    retry_seconds: float | None
    resource: str
    quota: str
    trailers: Mapping[str, str]


def failure_of(error: grpc.RpcError) -> RpcFailure:
    """Return the rich status of an error."""
    call: Any = error
    status = rpc_status.from_call(call)
    info = error_details_pb2.ErrorInfo()
    violations: dict[str, str] = {}
    retry_seconds = None
    resource = quota = ""
    for packed in status.details if status is not None else ():
        packed.Unpack(info)
        bad, retry, named, limited = (
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
            error_details_pb2.ResourceInfo(),
            error_details_pb2.QuotaFailure(),
        )
        if packed.Unpack(bad):
            violations = {item.field: item.description for item in bad.field_violations}
        if packed.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        if packed.Unpack(named):
            resource = named.resource_name
        if packed.Unpack(limited):
            (quota,) = (violation.subject for violation in limited.violations)
    assert info.domain in ("", "foreword")
    return RpcFailure(
        code=call.code(),
        message=call.details(),
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=violations,
        retry_seconds=retry_seconds,
        resource=resource,
        quota=quota,
        trailers={item.key: item.value for item in call.trailing_metadata() or ()},
    )


def refused(call: Any, *arguments: Any, **keywords: Any) -> RpcFailure:
    """Return how a call fails, which it must; streams are read to their end."""
    with pytest.raises(grpc.RpcError) as caught:
        _complete(call, *arguments, **keywords)
    return failure_of(caught.value)


def _complete(call: Any, *arguments: Any, **keywords: Any) -> None:
    result = call(*arguments, **keywords)
    if hasattr(result, "__next__"):
        list(result)


def answer_of(response: Any) -> Any:
    """Return a response of the inference service without its id, which differs for each request."""
    answer = type(response)()
    answer.CopyFrom(response)
    answer.ClearField("request_id")
    return answer


def make_file(count: int = 30) -> bytes:
    """Return JSONL for tuning; every fifth row has two labels."""
    rows = []
    for number in range(count):
        label = LABELS[number % 4]
        output = "Service, Marketing" if number % 5 == 0 else label
        rows.append({"input": f"Complaint number {number} about {label.lower()} matters", "output": output})
    return to_jsonl(rows)


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a JSONL file."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def upload_messages(
    content: bytes, message: Any = dataset_service_pb2.UploadDatasetRequest, chunk_bytes: int = 1000, **header: Any
) -> Iterator[Any]:
    """Return the messages of an upload or a check."""
    yield message(header=dataset_service_pb2.DatasetHeader(**{"display_name": "complaints", **header}))
    for start in range(0, len(content), chunk_bytes):
        yield message(chunk=content[start : start + chunk_bytes])
    yield message(end=len(content))


def upload(stubs: Any, content: bytes | None = None, **header: Any) -> Any:
    """Upload a file and return the dataset."""
    content = make_file() if content is None else content
    return stubs.datasets.UploadDataset(upload_messages(content, **header)).dataset


def experiment_request(dataset: str, **fields: Any) -> tune_experiment_service_pb2.CreateTuneExperimentRequest:
    """Return a request for a short run; `fields` are those of the request or of the experiment."""
    outer = {name: fields.pop(name) for name in _OUTER if name in fields}
    parameters = fields.pop("parameters", {"num_epochs": 2, "num_virtual_tokens": 4})
    return tune_experiment_service_pb2.CreateTuneExperimentRequest(
        tune_experiment=tune_experiment_pb2.TuneExperiment(
            **{"display_name": "run", "dataset": dataset, **fields},
            parameters=tune_parameters_pb2.TuneParameters(**parameters),
        ),
        **outer,
    )


_OUTER = ("parent", "request_id", "tune_experiment_id", "validate_only")


def create_experiment(stubs: Any, dataset: str, **fields: Any) -> Any:
    """Create an experiment."""
    return stubs.experiments.CreateTuneExperiment(experiment_request(dataset, **fields))


def cancelled_experiment(stubs: Any, dataset: str, **fields: Any) -> str:
    """Create an experiment, cancel it before it runs, and return its name."""
    name: str = create_experiment(stubs, dataset, **fields).name
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=name))
    return name


def cancelled_evaluation(stubs: Any, dataset: str, *systems: str | Mapping[str, Any], **fields: Any) -> str:
    """Create an evaluation, cancel it before it runs, and return its name."""
    name: str = create_evaluation(stubs, dataset, *systems, **fields).name
    stubs.evaluations.CancelEvaluation(evaluation_service_pb2.CancelEvaluationRequest(name=name))
    return name


def cancelled_batch_job(stubs: Any, dataset: str, **fields: Any) -> str:
    """Create a batch job, cancel it before it runs, and return its name."""
    name: str = create_batch_job(stubs, dataset, **fields).name
    stubs.batch_jobs.CancelBatchJob(batch_job_service_pb2.CancelBatchJobRequest(name=name))
    return name


def sweep_request(
    dataset: str, tried: Mapping[str, Sequence[Any]] | None = None, **fields: Any
) -> tune_sweep_service_pb2.CreateTuneSweepRequest:
    """Return a request for a sweep of short runs.

    Args:
        tried: Values of the swept parameters; by default, two learning rates.
        fields: Fields of the request, of the sweep, or of the experiment (`tune_experiment`, a dictionary).
    """
    outer = {
        name: fields.pop(name) for name in ("parent", "request_id", "tune_sweep_id", "validate_only") if name in fields
    }
    common = {"parameters": {"num_epochs": 2, "num_virtual_tokens": 4}, **fields.pop("tune_experiment", {})}
    values = {"learning_rate": [0.01, 0.02]} if tried is None else tried
    return json_format.ParseDict(
        {
            "tune_sweep": {
                "display_name": "sweep",
                "tune_experiment": {"dataset": dataset, **common},
                "swept_parameters": [{"name": name, "values": list(items)} for name, items in values.items()],
                **fields,
            },
            **outer,
        },
        tune_sweep_service_pb2.CreateTuneSweepRequest(),
    )


def create_sweep(stubs: Any, dataset: str, tried: Mapping[str, Sequence[Any]] | None = None, **fields: Any) -> Any:
    """Create a sweep."""
    return stubs.sweeps.CreateTuneSweep(sweep_request(dataset, tried, **fields))


def evaluation_request(
    dataset: str, *systems: str | Mapping[str, Any], **fields: Any
) -> evaluation_service_pb2.CreateEvaluationRequest:
    """Return a request for an evaluation.

    Args:
        systems: Models or fields of systems; by default, the base model.
        fields: Fields of the request or of the evaluation.
    """
    outer = {
        name: fields.pop(name) for name in ("parent", "request_id", "evaluation_id", "validate_only") if name in fields
    }
    asked = [
        {"model": item} if isinstance(item, str) else item for item in systems or ("baseModels/foreword--starter",)
    ]
    return evaluation_service_pb2.CreateEvaluationRequest(
        evaluation=evaluation_pb2.Evaluation(
            **{"display_name": "evaluation", "dataset": dataset, "systems": asked, **fields}
        ),
        **outer,
    )


def create_evaluation(stubs: Any, dataset: str, *systems: str | Mapping[str, Any], **fields: Any) -> Any:
    """Create an evaluation."""
    return stubs.evaluations.CreateEvaluation(evaluation_request(dataset, *systems, **fields))


def batch_job_request(dataset: str, **fields: Any) -> batch_job_service_pb2.CreateBatchJobRequest:
    """Return a request for a batch job; by default, of the base model with two labels.

    Args:
        fields: Fields of the request or of the batch job.
    """
    outer = {
        name: fields.pop(name) for name in ("parent", "request_id", "batch_job_id", "validate_only") if name in fields
    }
    if "generate" not in fields:
        fields.setdefault("classify", {} if "model" in fields else {"labels": ["Warehouse", "Service"]})
    fields.setdefault("model", "baseModels/foreword--starter")
    return batch_job_service_pb2.CreateBatchJobRequest(
        batch_job=batch_job_pb2.BatchJob(**{"display_name": "batch", "dataset": dataset, **fields}), **outer
    )


def create_batch_job(stubs: Any, dataset: str, **fields: Any) -> Any:
    """Create a batch job."""
    return stubs.batch_jobs.CreateBatchJob(batch_job_request(dataset, **fields))


def submit_feedback(stubs: Any, deployment: str, request_id: str = "known", **feedback: Any) -> Any:
    """Submit feedback; by default, that a request which was not captured belongs to Service."""
    given = feedback or {"input": "Nobody answers.", "right_labels": {"labels": ["Service"]}}
    return stubs.captures.SubmitFeedback(
        capture_service_pb2.SubmitFeedbackRequest(
            deployment=deployment, feedback={"request_id": request_id, **given}, allow_new_labels=True
        )
    )


def create_webhook(stubs: Any, url: str = "https://receiver.invalid/", *kinds: str, **fields: Any) -> Any:
    """Create a webhook; by default, its URL has no address and it is sent all kinds of events.

    Args:
        fields: Fields of the request or of the webhook.
    """
    outer = {name: fields.pop(name) for name in ("parent", "request_id", "webhook_id") if name in fields}
    webhook = webhook_pb2.Webhook(url=url, kinds=kinds or ["*"], **fields)
    return stubs.webhooks.CreateWebhook(webhook_service_pb2.CreateWebhookRequest(webhook=webhook, **outer))


def create_saved_prompt(stubs: Any, text: str = "Where is it?", **fields: Any) -> Any:
    """Save a prompt.

    Args:
        fields: Fields of the request, of the saved prompt or of its version.
    """
    outer = {name: fields.pop(name) for name in ("parent", "request_id", "saved_prompt_id") if name in fields}
    saved = {name: fields.pop(name) for name in ("display_name", "description", "tags") if name in fields}
    version = fields if "structured" in fields else {"text": text, **fields}
    request = saved_prompt_service_pb2.CreateSavedPromptRequest(saved_prompt={**saved, "version": version}, **outer)
    return stubs.saved_prompts.CreateSavedPrompt(request)


def create_child_key(stubs: Any, *, replace_oldest: bool = False, **key: Any) -> Any:
    """Create a child of the key of the stubs."""
    request = tenant_service_pb2.CreateChildApiKeyRequest(api_key=key, replace_oldest=replace_oldest)
    return stubs.tenants.CreateChildApiKey(request)


def deployment_request(model: str, **fields: Any) -> deployment_service_pb2.CreateDeploymentRequest:
    """Return a request for a deployment."""
    outer = {name: fields.pop(name) for name in ("parent", "request_id", "deployment_id") if name in fields}
    return deployment_service_pb2.CreateDeploymentRequest(
        deployment=deployment_pb2.Deployment(model=model, **fields), **outer
    )


def wait_for_deployment(stubs: Any, name: str, states: Sequence[str] = ("STATE_READY", "STATE_FAILED")) -> Any:
    """Wait until the state of a deployment is one of `states` and return it."""
    end = time.monotonic() + 60
    while True:
        found = stubs.deployments.GetDeployment(deployment_service_pb2.GetDeploymentRequest(name=name))
        if deployment_pb2.Deployment.State.Name(found.state) in states:
            return found
        assert time.monotonic() < end, f"still {found.state}"
        time.sleep(0.05)


def tuned_model(server: Any, stubs: Any, **fields: Any) -> str:
    """Return the name of a unique untrained tuned model: an engine finds loaded prompts by their content."""
    dataset = upload(stubs)
    experiment = create_experiment(stubs, dataset.name, **fields)
    name: str = server.tune_by_hand(experiment.name, text=f"Classify complaint {next(_numbers)}:")
    return name


def deployed(server: Any, stubs: Any, serving_name: str, **fields: Any) -> Any:
    """Return a deployment, ready to answer, of a tuned model without training."""
    model = tuned_model(server, stubs, **fields)
    created = stubs.deployments.CreateDeployment(deployment_request(model, serving_name=serving_name))
    ready = wait_for_deployment(stubs, created.name)
    assert ready.state == deployment_pb2.Deployment.STATE_READY, ready.error
    return ready
