"""Inference with base models and deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foreword.errors import InvalidArgumentError
from foreword.watsonx.api_client import APIClient
from foreword.watsonx.credentials import Credentials
from foreword.watsonx.names import base_model_name, model_id, resource_id
from foreword.watsonx.text_generation import Answer, Answers, Params, Prompts, TextGeneration, Texts


class ModelInference:
    """Inference with a deployment or a base model.

    Args:
        model_id: Base model or an alias, such as a value of ModelTypes.
        deployment_id: Id or serving name of a deployment; a tuned model must be deployed first.
        params: Default parameters of calls, by `GenTextParamsMetaNames`. Default: greedy, at most 20 tokens.
        credentials: Used without `api_client`.
        project_id: Used without `api_client`: the tenant.
        space_id: Used without `api_client`: the space.
        api_client: An existing client.

    Raises:
        InvalidArgumentError: Not exactly one of model and deployment is set, neither credentials nor a client is set,
            or a parameter is unknown or not supported.
        NotFoundError: The model or the deployment does not exist.
    """

    def __init__(
        self,
        *,
        model_id: str | None = None,
        deployment_id: str | None = None,
        params: Params | None = None,
        credentials: Credentials | Mapping[str, Any] | None = None,
        project_id: str | None = None,
        space_id: str | None = None,
        verify: bool | str | None = None,
        api_client: APIClient | None = None,
    ) -> None:
        if (model_id is None) == (deployment_id is None):
            raise InvalidArgumentError.of("model_id", "pass either model_id or deployment_id")
        if api_client is None:
            if credentials is None:
                raise InvalidArgumentError.of("api_client", "is missing; pass api_client or credentials")
            api_client = APIClient(credentials, project_id, space_id, verify)
        self.model_id = model_id
        self.deployment_id = deployment_id
        self.params = params
        model = _base_model(api_client, model_id) if model_id is not None else ""
        if deployment_id is not None:
            model = api_client.deployments.find(deployment_id).name
        self._generation = TextGeneration(api_client.foreword, model, params)

    def generate(
        self, prompt: Prompts, params: Params | None = None, guardrails: bool = False, concurrency_limit: int = 8
    ) -> Answers:
        """Generate answers with token counts and stop reasons.

        Args:
            prompt: One prompt, or a list of prompts, whose answers are returned in a list in the same order.
            params: Parameters that replace those of the constructor.
            guardrails: Must be False: the service has no guardrails.
            concurrency_limit: Maximum number of prompts that are sent concurrently.

        Raises:
            InvalidArgumentError: A parameter is unknown, not supported or out of range, or a prompt is too long.
            FailedPreconditionError: The deployment is not ready.
            ExhaustedError: The service is overloaded; try a smaller concurrency limit.
        """
        _no_guardrails(guardrails)
        return self._generation.generate(prompt, params, concurrency_limit)

    def generate_text(
        self,
        prompt: Prompts,
        params: Params | None = None,
        raw_response: bool = False,
        guardrails: bool = False,
        concurrency_limit: int = 8,
    ) -> Texts | Answers:
        """Generate texts; with `raw_response`, answers as `generate` does. Other arguments are those of `generate`."""
        _no_guardrails(guardrails)
        if raw_response:
            return self._generation.generate(prompt, params, concurrency_limit)
        return self._generation.generate_text(prompt, params, concurrency_limit)

    def generate_text_stream(
        self, prompt: str, params: Params | None = None, raw_response: bool = False, guardrails: bool = False
    ) -> Iterator[str] | Iterator[Answer]:
        """Generate text and yield it in pieces. Closing the iterator early cancels the generation.

        Args:
            raw_response: Yield pieces in the format of `generate`; the last one has the token counts.
        """
        _no_guardrails(guardrails)
        return self._generation.stream(prompt, params) if raw_response else self._generation.stream_text(prompt, params)

    def tokenize(self, prompt: str, return_tokens: bool = False) -> dict[str, Any]:
        """Count tokens: `["result"]["token_count"]`, and `["result"]["tokens"]` if requested."""
        return self._generation.tokenize(prompt, return_tokens)


def _base_model(api_client: APIClient, asked: str) -> str:
    """Return the resource name of a base model; print a line if the id is an alias."""
    found = api_client.foreword.get_base_model(base_model_name(asked)).name
    if found != base_model_name(asked):
        print(f"{asked} is an alias on this service: {model_id(found)} answers.")
    return f"baseModels/{resource_id(found)}"


def _no_guardrails(guardrails: bool) -> None:
    if guardrails:
        raise InvalidArgumentError.of("guardrails", "are not supported; omit them")
