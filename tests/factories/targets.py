"""Well-formed requests of every RPC, to be made hostile, and how the service answers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor

from factories.api import (
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_saved_prompt,
    create_sweep,
    create_webhook,
    deployed,
    failure_of,
    make_file,
    submit_feedback,
    upload,
)
from factories.blown_up import Growable, grown, stated_limit
from factories.rpcs import rpc_of
from factories.servers import RunningServer

BASE: Final = "baseModels/foreword--starter"

# What a well-formed request holds besides `name` and `parent`. Names in braces are replaced.
_VALID: dict[str, Mapping[str, Any]] = {
    "UploadDataset": {"header": {"display_name": "x"}},
    "CheckDataset": {"header": {"task": "classification"}},
    "CreateSpace": {"space": {}, "space_id": "s"},
    "UpdateSpace": {"space": {"name": "{Space}", "description": "x"}, "update_mask": "description"},
    "CreateDeployment": {"deployment": {"model": BASE}},
    "UpdateDeployment": {"deployment": {"name": "{Deployment}", "description": "x"}, "update_mask": "description"},
    "RollbackDeployment": {"revision": 1},
    "PromoteDeployment": {},
    "Generate": {"model": "{model}", "text": "x", "parameters": {"max_new_tokens": 1}},
    "StreamGenerate": {"model": "{model}", "text": "x", "parameters": {"max_new_tokens": 1}},
    "BatchGenerate": {"model": "{model}", "requests": [{"text": "x"}], "parameters": {"max_new_tokens": 1}},
    "Classify": {"model": BASE, "text": "x", "labels": ["good", "bad"]},
    "Tokenize": {"model": "{model}", "text": "x"},
    "CreateTenant": {"tenant": {}, "tenant_id": "t"},
    "GetTenant": {"name": "{Tenant}"},
    "UpdateTenant": {"tenant": {"name": "{Tenant}", "display_name": "x"}, "update_mask": "displayName"},
    # The caller's own tenant cannot be suspended, and other tests need it.
    **{
        name: {"name": "tenants/nobody"} for name in ("SuspendTenant", "ResumeTenant", "DeleteTenant", "UndeleteTenant")
    },
    "CreateApiKey": {"api_key": {"display_name": "x", "scopes": ["SCOPE_READ"]}},
    "CreateTuneExperiment": {"tune_experiment": {"display_name": "x", "dataset": "{Dataset}"}, "validate_only": True},
    "UpdateTuneExperiment": {
        "tune_experiment": {"name": "{TuneExperiment}", "tags": {"team": "x"}},
        "update_mask": "tags",
    },
    "UpdateTunedModel": {"tuned_model": {"name": "{TunedModel}", "tags": {"team": "x"}}, "update_mask": "tags"},
    "CompareTuneExperiments": {"names": ["{TuneExperiment}", "{SecondTuneExperiment}"]},
    "CreateTuneSweep": {
        "tune_sweep": {
            "display_name": "x",
            "tune_experiment": {"dataset": "{Dataset}"},
            "swept_parameters": [{"name": "learning_rate", "values": [0.01, 0.02]}],
        },
        "validate_only": True,
    },
    "CreateEvaluation": {
        "evaluation": {"display_name": "x", "dataset": "{Dataset}", "systems": [{"model": BASE}]},
        "validate_only": True,
    },
    "ListEvaluationRows": {"name": "{Evaluation}"},
    "CreateBatchJob": {
        "batch_job": {
            "display_name": "x",
            "dataset": "{Dataset}",
            "model": BASE,
            "classify": {"labels": ["good", "bad"]},
        },
        "validate_only": True,
    },
    "ListBatchAnswers": {"name": "{BatchJob}"},
    "ListCapturedRequests": {"name": "{Deployment}"},
    "DeleteCapturedRequests": {"name": "{Deployment}", "filter": "request_id = x"},
    "SubmitFeedback": {
        "deployment": "{Deployment}",
        "feedback": {"request_id": "known", "input": "x", "right_labels": {"labels": ["Service"]}},
    },
    "ExportCapturedRequests": {"name": "{Deployment}", "display_name": "x"},
    "CreateSavedPrompt": {
        "saved_prompt": {
            "version": {
                "structured": {"instruction": "Reply to {{name}}.", "examples": [{"input": "a", "output": "b"}]},
                "variables": [{"name": "name", "default_value": "x"}],
                "parameters": {"max_new_tokens": 5},
            }
        }
    },
    "UpdateSavedPrompt": {
        "saved_prompt": {"name": "{SavedPrompt}", "version": {"text": "x"}},
        "update_mask": "version",
    },
    "ListSavedPromptVersions": {"parent": "{SavedPrompt}"},
    "CreateWebhook": {"webhook": {"url": "https://hooks.example.com/", "kinds": ["*"]}},
    "UpdateWebhook": {"webhook": {"name": "{Webhook}", "kinds": ["rollout.*"]}, "update_mask": "kinds"},
    "RotateWebhookSecret": {"name": "{Webhook}"},
    "ListWebhookDeliveries": {"parent": "{Webhook}"},
    "MeasureDrift": {"name": "{Deployment}"},
    "UpdateQuota": {"quota": {"name": "{Quota}", "deployments": 1000}, "update_mask": "deployments"},
}
_NAMED = {
    "BatchJob",
    "Deployment",
    "Dataset",
    "Evaluation",
    "TuneExperiment",
    "TuneSweep",
    "TunedModel",
    "Space",
    "BaseModel",
    "Quota",
    "SavedPrompt",
    "Webhook",
    "WebhookDelivery",
}


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        byte_size: Size of the trailers.
    """

    code: grpc.StatusCode
    message: str
    byte_size: int
    violations: Mapping[str, str]


class Target:
    """An RPC of a running server, with a well-formed request."""

    def __init__(self, stubs: Any, method: MethodDescriptor, names: Mapping[str, str]):
        self._call = rpc_of(stubs, method)
        self._method = method
        self.name: str = method.name
        self.request = well_formed(method, names)

    @property
    def expected_code(self) -> grpc.StatusCode:
        """The status of the well-formed request, for which nobody has prepared a resource to delete or to change."""
        if self.name == "DeleteCapturedRequests":  # there may be none
            return grpc.StatusCode.OK
        if self.name == "CreateChildApiKey":  # the development key has no children
            return grpc.StatusCode.FAILED_PRECONDITION
        if self.name.startswith(("Delete", "Cancel", "Retry", "Suspend", "Resume", "Undelete")):
            return grpc.StatusCode.NOT_FOUND
        if self.name == "RedeliverWebhookDelivery":
            return grpc.StatusCode.NOT_FOUND
        if self.name == "PromoteDeployment":  # there is no rollout to promote
            return grpc.StatusCode.FAILED_PRECONDITION
        return grpc.StatusCode.OK

    def send(self, request: Any) -> Outcome:
        """Send a request and return how it ends; of a stream, the first answer counts."""
        try:
            answer = self._call(_messages(request) if self._method.client_streaming else request, timeout=120)
            if self._method.server_streaming:
                next(iter(answer), None)
                answer.cancel()
        except grpc.RpcError as error:
            failure = failure_of(error)
            size = sum(len(str(key)) + len(value) for key, value in failure.trailers.items())
            return Outcome(failure.code, failure.message, size, failure.violations)
        return Outcome(grpc.StatusCode.OK, "", 0, {})


def existing_names(server: RunningServer, stubs: Any) -> Mapping[str, str]:
    """Create resources of the tenant `dev`, and return their names by kind."""
    deployment = deployed(server, stubs, "attacked")
    submit_feedback(stubs, deployment.name)
    dataset = upload(stubs)
    evaluation = create_evaluation(stubs, dataset.name)
    server.evaluate(evaluation.name)
    batch_job = create_batch_job(stubs, dataset.name)
    server.evaluate(batch_job.name)
    return {
        "Tenant": "tenants/dev",
        "Space": "tenants/dev/spaces/default",
        "BaseModel": BASE,
        "Deployment": deployment.name,
        "TunedModel": deployment.model,
        "Dataset": dataset.name,
        "TuneExperiment": create_experiment(stubs, dataset.name).name,
        "SecondTuneExperiment": create_experiment(stubs, dataset.name).name,
        "TuneSweep": create_sweep(stubs, dataset.name).name,
        "Evaluation": evaluation.name,
        "BatchJob": batch_job.name,
        "Quota": "tenants/dev/quota",
        "SavedPrompt": create_saved_prompt(stubs).name,
        "Webhook": create_webhook(stubs).name,
        "WebhookDelivery": "tenants/dev/webhooks/none/deliveries/none",
        "model": "attacked",
    }


def largest(target: Target, growable: Growable) -> tuple[int, list[Outcome]]:
    """Send a field that is too large, then as large as the errors allow.

    Returns:
        The size of the last request, and how each request ended.
    """
    size, outcomes = growable.huge, []
    while True:
        outcomes.append(target.send(grown(target.request, growable, size)))
        limit = stated_limit(outcomes[-1].violations, growable)
        if outcomes[-1].code is grpc.StatusCode.OK or limit is None:
            return size, outcomes
        assert limit < size, f"{growable}: {size:,} is refused although it is within the limit {limit:,}"
        size = limit


def well_formed(method: MethodDescriptor, names: Mapping[str, str]) -> Any:
    """Return a request with which nothing is wrong.

    Args:
        names: Names of existing resources by kind, and the serving name `model`.
    """
    noun = next((noun for noun in sorted(_NAMED, key=len, reverse=True) if method.name.endswith(noun)), "")
    values: dict[str, Any] = {}
    fields = method.input_type.fields_by_name
    if "name" in fields:
        values["name"] = names[noun or "Dataset"]
        if method.name.startswith(("Delete", "Cancel", "Retry")):
            values["name"] = values["name"][:-1] + "z"  # does not exist: ids end in a hexadecimal digit
    if method.name == "DeleteApiKey":
        values["name"] = "tenants/dev/apiKeys/nobody"
    if "parent" in fields:
        values["parent"] = names["Space" if "Deployment" in method.name else "Tenant"]
    values |= _filled(_VALID.get(method.name, {}), names)
    return json_format.ParseDict(values, message_factory.GetMessageClass(method.input_type)())


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value of `_VALID` with the names filled in."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    return names[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value


def _messages(request: Any) -> Iterator[Any]:
    """Return the messages of an upload with this header, or with this chunk."""
    if request.WhichOneof("content") == "chunk":
        yield type(request)(header={"display_name": "x"})
        yield request
        yield type(request)(end=len(request.chunk))
        return
    yield request
    content = make_file()
    yield type(request)(chunk=content)
    yield type(request)(end=len(content))
