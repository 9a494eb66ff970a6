"""Answers of base models and deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foreword.errors import InvalidArgumentError
from foreword.watsonx.api_client import APIClient
from foreword.watsonx.credentials import Credentials
from foreword.watsonx.names import base_model_name, model_id, resource_id
from foreword.watsonx.text_generation import Answer, Answers, Params, Prompts, TextGeneration, Texts


class ModelInference:
    """Asks a deployment or a base model.

    Args:
        model_id: Base model or an alias of one, such as a value of ModelTypes.
        deployment_id: Deployment, by its id or its serving name; a tuned model answers once it is deployed.
        params: Parameters by `GenTextParamsMetaNames`, for calls that bring none. Default: greedy, at most 20 tokens.
        credentials: Used without `api_client`.
        project_id: Used without `api_client`: the tenant.
        space_id: Used without `api_client`: the space.
        api_client: A client that is connected already.

    Raises:
        InvalidArgumentError: Not exactly one of model and deployment is given, or neither credentials nor client, or
            a parameter is unknown or not supported yet.
        NotFoundError: There is no such model or deployment.
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
            raise InvalidArgumentError.of("model_id", "give either model_id or deployment_id")
        if api_client is None:
            if credentials is None:
                raise InvalidArgumentError.of("api_client", "is missing; give api_client or credentials")
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
        """Answers with text, token counts and the reason why it ended.

        Args:
            prompt: One prompt, or a list, whose answers come in a list in the same order.
            params: Used instead of those given at first.
            guardrails: The service has none: True is refused.
            concurrency_limit: Most prompts of a list that are sent at a time.

        Raises:
            InvalidArgumentError: A parameter is unknown, not supported yet or out of range, or a prompt is too long.
            FailedPreconditionError: The deployment is not ready.
            ExhaustedError: The service has too much to do; try a smaller concurrency limit.
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
        """Answers with text alone; `raw_response` answers as `generate` does, with which it shares all else."""
        _no_guardrails(guardrails)
        if raw_response:
            return self._generation.generate(prompt, params, concurrency_limit)
        return self._generation.generate_text(prompt, params, concurrency_limit)

    def generate_text_stream(
        self, prompt: str, params: Params | None = None, raw_response: bool = False, guardrails: bool = False
    ) -> Iterator[str] | Iterator[Answer]:
        """Answers with text as it comes; leaving the iterator early ends the work on the answer.

        Args:
            raw_response: Yield pieces of the shape of `generate`; the last one has the counts.
        """
        _no_guardrails(guardrails)
        return self._generation.stream(prompt, params) if raw_response else self._generation.stream_text(prompt, params)

    def tokenize(self, prompt: str, return_tokens: bool = False) -> dict[str, Any]:
        """Counts tokens: `["result"]["token_count"]`, and `["tokens"]` beside it if they are asked for."""
        return self._generation.tokenize(prompt, return_tokens)


def _base_model(api_client: APIClient, asked: str) -> str:
    """The resource name of a base model; says when another one stands in for it."""
    found = api_client.foreword.get_base_model(base_model_name(asked)).name
    if found != base_model_name(asked):
        print(f"{asked} is an alias on this service: {model_id(found)} answers.")
    return f"baseModels/{resource_id(found)}"


def _no_guardrails(guardrails: bool) -> None:
    if guardrails:
        raise InvalidArgumentError.of("guardrails", "are not supported; leave them out")
