"""Models: what a request can name as its model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foreword.client import AsyncClient, BaseModel, Deployment, TunedModel
from foreword.errors import NotFoundError
from foreword.http.callers import client_of
from foreword.http.errors import RequestError
from foreword.http.openai.model_names import base_model_of, name_of, service_name
from foreword.http.openai.paging import from_moment, missing, page, query
from foreword.names import is_serving_name

_MOST_MODELS: Final = 10_000


async def list_models(request: Request) -> Response:
    """List the serving names and the tuned models of the caller's tenant, and the base models."""
    client = client_of(request)

    def models(after: str, number: int) -> AsyncGenerator[dict[str, Any]]:
        return _models(client, after, number)

    return JSONResponse(await page(query(request, "limit", "after"), models, limit=_MOST_MODELS, most=_MOST_MODELS))


async def _models(client: AsyncClient, after: str, number: int) -> AsyncGenerator[dict[str, Any]]:
    """Yield all models from that with the name `after`, newest first, and base models last."""
    newest_first = "create_time desc"
    of_base, of_tuned = after.startswith("baseModels/"), bool(base_model_of(after))
    if not of_base and not of_tuned:
        begin = (await _deployment_called(client, after)).create_time if after else None
        deployments = client.stream_deployments(filter=from_moment(begin), order_by=newest_first, page_size=number)
        async with aclosing(deployments):
            async for deployment in deployments:
                yield _deployment(deployment)
    if not of_base:
        begin = (await client.get_tuned_model(service_name(after))).create_time if of_tuned else None
        tuned = client.stream_tuned_models(filter=from_moment(begin), order_by=newest_first, page_size=number)
        async with aclosing(tuned):
            async for model in tuned:
                yield _tuned_model(model)
    for base in await client.list_base_models():
        yield _base_model(base)


async def retrieve_model(request: Request) -> Response:
    """Return one model."""
    return JSONResponse(await _found(client_of(request), request.path_params["model"]))


async def delete_model(request: Request) -> Response:
    """Delete a fine-tuned model that no deployment serves."""
    client, model = client_of(request), request.path_params["model"]
    name = service_name(model)
    if "/tunedModels/" not in name:
        raise RequestError(
            f"{model[:128]} cannot be deleted here: only fine-tuned models (ft:...) can. Delete a deployment with "
            "`foreword deployments delete`.",
            reason="PARAMETER_UNSUPPORTED",
            field="model",
        )
    await client.delete_tuned_model(name)
    return JSONResponse({"id": model, "object": "model", "deleted": True})


async def _found(client: AsyncClient, model: str) -> dict[str, Any]:
    """Return a model by any name that a request can have.

    Raises:
        NotFoundError: There is no such model in the caller's tenant.
    """
    name = service_name(model)
    if base_model_of(model):
        return _tuned_model(await client.get_tuned_model(name)) | {"id": model}
    if name.startswith("tenants/"):
        found = client.get_tuned_model if "/tunedModels/" in name else client.get_deployment
        resource = await found(name)
        shown = _tuned_model(resource) if isinstance(resource, TunedModel) else _deployment(resource)
        return shown | {"id": model}
    with suppress(NotFoundError):
        return _deployment(await _deployment_called(client, name))
    try:
        return _base_model(await client.get_base_model(name.removeprefix("baseModels/"))) | {"id": model}
    except NotFoundError:
        raise NotFoundError(
            f"{model[:128]} is neither a model of your tenant nor a base model. List them with GET /v1/models.",
            metadata={"resource": model[:128]},
        ) from None


async def _deployment_called(client: AsyncClient, name: str) -> Deployment:
    """Return the deployment with a serving name or a resource name.

    Raises:
        NotFoundError: There is none in the caller's tenant.
    """
    if name.startswith("tenants/"):
        return await client.get_deployment(name)
    if is_serving_name(name):
        for deployment in await client.list_deployments(filter=f'serving_name = "{name}"', limit=1):
            return deployment
    raise missing(name)


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return _model(deployment.serving_name or deployment.name, deployment.create_time, _owner(deployment.name))


def _tuned_model(model: TunedModel) -> dict[str, Any]:
    return _model(name_of(model), model.create_time, _owner(model.name))


def _base_model(model: BaseModel) -> dict[str, Any]:
    return _model(model.name, None, model.plugin)


def _owner(name: str) -> str:
    return name.split("/")[1]


def _model(id: str, created: datetime | None, owner: str) -> dict[str, Any]:
    return {
        "id": id,
        "object": "model",
        "created": int(created.timestamp()) if created is not None else 0,
        "owned_by": owner,
    }
