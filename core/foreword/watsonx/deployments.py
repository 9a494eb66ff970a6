"""Deployments of tuned models."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from foreword.client import Client, Deployment, DeploymentState
from foreword.client.frames import frame
from foreword.domain.violations import Violations
from foreword.errors import ForewordError, NotFoundError
from foreword.watsonx.defaults import Defaults
from foreword.watsonx.metanames import DeploymentMetaNames
from foreword.watsonx.names import model_id, resource_id
from foreword.watsonx.text_generation import Answers, Params, Prompts, TextGeneration, Texts
from foreword.watsonx.times import written

if TYPE_CHECKING:
    from pandas import DataFrame

_KNOWN = frozenset(
    {
        DeploymentMetaNames.NAME,
        DeploymentMetaNames.ONLINE,
        DeploymentMetaNames.SERVING_NAME,
        DeploymentMetaNames.DESCRIPTION,
        DeploymentMetaNames.TAGS,
    }
)


class Deployments:
    """Methods to deploy tuned models and to generate text with them."""

    ConfigurationMetaNames = DeploymentMetaNames

    def __init__(self, client: Client, defaults: Defaults) -> None:
        self._client = client
        self._defaults = defaults

    def create(
        self, artifact_id: str, meta_props: Mapping[str, Any] | None = None, background_mode: bool = False
    ) -> dict[str, Any]:
        """Deploy a tuned model and wait until it is ready.

        Args:
            artifact_id: Id of the tuned model, as returned by `PromptTuner.get_model_id`.
            meta_props: Values by `ConfigurationMetaNames`. Without SERVING_NAME, a unique name is generated.
            background_mode: Return at once, while the model is being probed.

        Returns:
            Details of the deployment; its id is `["metadata"]["id"]`.

        Raises:
            InvalidArgumentError: A property is unknown, or the serving name is not 1 to 63 letters, digits, `_`, `-`.
            AlreadyExistsError: The serving name is taken.
            FailedPreconditionError: The model did not pass its probe; the message has the reason.
        """
        properties = _checked(meta_props or {})
        deployment = self._client.create_deployment(
            artifact_id,
            serving_name=properties.get(DeploymentMetaNames.SERVING_NAME) or f"deployment_{uuid.uuid4().hex}",
            space=self._defaults.space_id or "default",
            display_name=properties.get(DeploymentMetaNames.NAME) or "",
            description=properties.get(DeploymentMetaNames.DESCRIPTION) or "",
            tags=tuple(properties.get(DeploymentMetaNames.TAGS) or ()),
            wait=False,
        )
        print(f"Deployment {resource_id(deployment.name)} of the model {resource_id(deployment.model)}")
        print(deployment.state.value)
        if background_mode:
            return self._details(deployment)
        try:
            deployment = self._client.wait_for_deployment(deployment)
        except ForewordError:
            print(DeploymentState.FAILED.value)
            raise
        print(deployment.state.value)
        return self._details(deployment)

    @staticmethod
    def get_id(deployment_details: Mapping[str, Any]) -> str:
        """Return the id from the details of a deployment."""
        id: str = deployment_details["metadata"]["id"]
        return id

    def get_details(self, deployment_id: str | None = None, limit: int | None = None) -> dict[str, Any]:
        """Return the details of a deployment; without an id, `{"resources": [...]}` with the details of all.

        Raises:
            NotFoundError: The deployment does not exist.
        """
        if deployment_id is not None:
            return self._details(self.find(deployment_id))
        return {"resources": [self._details(item) for item in self._client.list_deployments(limit=limit)]}

    def list(self, limit: int | None = None) -> DataFrame:
        """Return the deployments, newest first, as a frame of id, name, state, time, model and serving name."""
        return frame(
            ("ID", "NAME", "STATE", "CREATED", "ARTIFACT_ID", "SERVING_NAME"),
            [
                (
                    resource_id(item.name),
                    item.display_name,
                    item.state.value,
                    written(item.create_time),
                    model_id(item.model),
                    item.serving_name,
                )
                for item in self._client.list_deployments(limit=limit)
            ],
        )

    def delete(self, deployment_id: str) -> str:
        """Delete a deployment. Running requests are completed.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: The deployment does not exist.
        """
        self._client.delete_deployment(self.find(deployment_id))
        return "SUCCESS"

    def find(self, deployment_id: str) -> Deployment:
        """Return a deployment by its id, serving name or resource name, in any space.

        Raises:
            NotFoundError: The deployment does not exist.
        """
        if "/" in deployment_id:
            return self._client.get_deployment(deployment_id)
        for item in self._client.list_deployments():
            if deployment_id in (resource_id(item.name), item.serving_name):
                return item
        raise NotFoundError.of(
            f"The deployment {deployment_id[:100]}", "Use the id from `deployment_details['metadata']['id']`."
        )

    def generate(
        self, deployment_id: str, prompt: Prompts, params: Params | None = None, concurrency_limit: int = 8
    ) -> Answers:
        """Generate answers with details; see `ModelInference.generate`."""
        return self._generation(deployment_id).generate(prompt, params, concurrency_limit)

    def generate_text(
        self, deployment_id: str, prompt: Prompts, params: Params | None = None, concurrency_limit: int = 8
    ) -> Texts:
        """Generate texts; see `ModelInference.generate_text`."""
        return self._generation(deployment_id).generate_text(prompt, params, concurrency_limit)

    def generate_text_stream(self, deployment_id: str, prompt: str, params: Params | None = None) -> Iterator[str]:
        """Generate text and yield it in pieces; see `ModelInference.generate_text_stream`."""
        return self._generation(deployment_id).stream_text(prompt, params)

    def _generation(self, deployment_id: str) -> TextGeneration:
        return TextGeneration(self._client, self.find(deployment_id).name, None)

    def _details(self, deployment: Deployment) -> dict[str, Any]:
        status: dict[str, Any] = {"state": deployment.state.value}
        if deployment.failure is not None:
            status["message"] = {"level": "error", "text": deployment.failure.message}
        _, tenant, _, space, *_ = deployment.name.split("/")
        return {
            "metadata": {
                "id": resource_id(deployment.name),
                "name": deployment.display_name,
                "description": deployment.description,
                "tags": list(deployment.tags),
                "project_id": tenant,
                "space_id": space,
                "created_at": written(deployment.create_time),
                "modified_at": written(deployment.update_time),
            },
            "entity": {
                "name": deployment.display_name,
                "asset": {"id": model_id(deployment.model)},
                "deployed_asset_type": "foundation_model" if _is_base(deployment) else "prompt_tune",
                "online": {"parameters": {"serving_name": deployment.serving_name}},
                "status": status,
            },
        }


def _is_base(deployment: Deployment) -> bool:
    return deployment.model.startswith("baseModels/")


def _checked(meta_props: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked properties; a serving name inside ONLINE is moved to the top level.

    Raises:
        InvalidArgumentError: Properties are unknown. The error names all of them.
    """
    properties = dict(meta_props)
    violations = Violations()
    for name in sorted(set(properties) - _KNOWN):
        known = ", ".join(sorted(_KNOWN))
        violations.add(f"meta_props.{name}", f"is not supported; use {known}; every deployment is online")
    online = properties.pop(DeploymentMetaNames.ONLINE, None) or {}
    parameters = dict(online).pop("parameters", {}) if set(online) <= {"parameters"} else None
    if parameters is None or set(parameters) - {DeploymentMetaNames.SERVING_NAME}:
        violations.add("meta_props.online", "must contain only {'parameters': {'serving_name': ...}}")
    violations.check()
    assert parameters is not None
    return {**parameters, **properties}
