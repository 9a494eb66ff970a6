"""Creation of fine-tuning jobs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foreword.client import AsyncClient, Dataset, TuneExperiment, TuneParameters
from foreword.errors import NotFoundError
from foreword.http.bodies import json_body
from foreword.http.callers import client_of
from foreword.http.errors import RequestError
from foreword.http.openai.fields import Fields
from foreword.http.openai.model_names import SUFFIX, SUFFIX_TAG, base_model_of, service_name
from foreword.http.openai.paging import idempotency_key, resource_name
from foreword.http.openai.tuning.files import FILE_PREFIX
from foreword.http.openai.tuning.jobs import MULTIPLIER_TAG, RESERVED, job_object

_METHOD: Final = "prompt_tuning"
_MOST_EPOCHS: Final = 10_000
_MOST_ROWS: Final = 1_000_000
_MULTIPLIER: Final = "hyperparameters.learning_rate_multiplier"
_MOST_METADATA: Final = 20
"""The service's limit of tags; the suffix and the multiplier of the learning rate are one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A request for a job.

    Attributes:
        model: A base model, or a fine-tuned model to start from.
        validation_file: Identifier of the held-out rows; empty for a share of the training file.
        parameters: Tuning parameters that are set.
        multiplier: Factor of the recipe's learning rate; None for the recipe's.
        tags: Metadata of the job and its suffix.
    """

    model: str
    training_file: str
    validation_file: str
    suffix: str
    parameters: TuneParameters
    multiplier: float | None
    tags: dict[str, str]


async def create_job(request: Request) -> Response:
    """Queue a tuning experiment on an uploaded file."""
    client, key = client_of(request), idempotency_key(request)
    asked = await json_body(request, parse_request)
    return JSONResponse(job_object(await _create(client, asked, key)))


def parse_request(body: dict[str, Any]) -> JobRequest:
    """Return the request for a job.

    Raises:
        RequestError: A parameter is invalid, or cannot be honoured. The error names it.
    """
    fields = Fields(body)
    model = fields.text("model", required=True)
    training_file = fields.text("training_file", required=True)
    validation_file = fields.text("validation_file")
    suffix = fields.text("suffix")
    if suffix and not SUFFIX.fullmatch(suffix):
        raise fields.fault("suffix", "must be 1 to 63 of A-Z, a-z, 0-9, _, . and -", suffix)
    given = _hyperparameters(fields)
    num_epochs = _automatic(given, "n_epochs", whole=True, high=_MOST_EPOCHS)
    batch_size = _automatic(given, "batch_size", whole=True, high=_MOST_ROWS)
    multiplier = _automatic(given, "learning_rate_multiplier", whole=False, high=math.inf)
    given.finish()
    seed = fields.integer("seed", 0, 2**31 - 1)
    own = {SUFFIX_TAG: suffix} if suffix else {}
    if multiplier is not None:
        own[MULTIPLIER_TAG] = f"{multiplier:g}"
    tags = _metadata(fields, _MOST_METADATA - len(own)) | own
    fields.only("integrations", ([],), "the service reports to no other; leave it out")
    fields.finish()
    return JobRequest(
        model=model,
        training_file=training_file,
        validation_file=validation_file,
        suffix=suffix,
        parameters=TuneParameters(
            num_epochs=None if num_epochs is None else int(num_epochs),
            batch_size=None if batch_size is None else int(batch_size),
            seed=seed,
            init_tuned_model=service_name(model) if base_model_of(model) else None,
        ),
        multiplier=multiplier,
        tags=tags,
    )


async def _create(client: AsyncClient, asked: JobRequest, key: str) -> TuneExperiment:
    base = base_model_of(asked.model) or asked.model.removeprefix("baseModels/")
    parameters = asked.parameters
    if asked.multiplier is not None:
        parameters = await _with_rate(client, base, parameters, asked.multiplier)
    training = await _dataset(client, "training_file", asked.training_file)
    held_out = await _dataset(client, "validation_file", asked.validation_file) if asked.validation_file else None
    return await client.create_tune_experiment(
        training,
        validation_dataset=held_out,
        display_name=asked.suffix or training.display_name,
        base_model=base,
        parameters=parameters,
        tags=asked.tags,
        request_id=key,
    )


async def _dataset(client: AsyncClient, field: str, id: str) -> Dataset:
    try:
        return await client.get_dataset(await resource_name(client, "datasets", id, FILE_PREFIX))
    except NotFoundError:
        raise RequestError(
            f"{field}: {id[:80]} does not exist. List the files with GET /v1/files.",
            status=404,
            reason="RESOURCE_NOT_FOUND",
            field=field,
        ) from None


async def _with_rate(client: AsyncClient, base: str, parameters: TuneParameters, multiplier: float) -> TuneParameters:
    """Return the parameters with a multiple of the learning rate of the base model's recipe."""
    recipe = (await client.get_base_model(base)).recipes.get(_METHOD)
    if recipe is None or recipe.learning_rate is None:
        raise RequestError(
            f"{_MULTIPLIER}: cannot be honoured: the recipe of {base[:80]} has no learning rate to multiply. Leave it "
            "out.",
            reason="PARAMETER_UNSUPPORTED",
            field=_MULTIPLIER,
        )
    rate = recipe.learning_rate * multiplier
    spec = next(item for item in (await client.list_parameters()).tune_parameters if item.name == "learning_rate")
    low, high = spec.minimum or 0.0, spec.maximum or math.inf
    if not low <= rate <= high:
        least, most = _rounded(low / recipe.learning_rate, math.ceil), _rounded(high / recipe.learning_rate, math.floor)
        raise RequestError(
            f"{_MULTIPLIER}: must be in [{least:g}, {most:g}] for the learning rate {recipe.learning_rate:g} of "
            f"{base[:80]}'s recipe, not {multiplier:g}.",
            field=_MULTIPLIER,
        )
    return replace(parameters, learning_rate=rate)


def _rounded(value: float, to_whole: Callable[[float], int]) -> float:
    """Return a number with four digits, rounded in one direction."""
    if not value or math.isinf(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 3)
    return to_whole(value / unit) * unit


def _hyperparameters(fields: Fields) -> Fields:
    """Return the hyperparameters, which stand in the method or, in the older form, beside it."""
    older = fields.object("hyperparameters")
    method = fields.object("method")
    if method is None:
        return older or Fields({})
    method.only("type", ("supervised",), "the service tunes on answers only; set supervised")
    for name in ("dpo", "reinforcement"):
        method.only(name, (), "the service tunes on answers only; leave it out")
    supervised = method.object("supervised")
    method.finish()
    if supervised is None:
        return older or Fields({})
    newer = supervised.object("hyperparameters")
    supervised.finish()
    if newer is not None and older is not None:
        raise fields.fault("hyperparameters", "contradicts method; set the values there only")
    return newer or older or Fields({})


def _automatic(fields: Fields, name: str, *, whole: bool, high: float) -> float | None:
    """Return a positive number; None if it is unset or `auto`, which is the value of the recipe."""
    if fields.value(name) == "auto":
        return None
    value = fields.integer(name, 1, int(high)) if whole else fields.number(name, -high, high)
    if value is not None and value <= 0:
        raise fields.fault(name, "must be above 0", value)
    return value


def _metadata(fields: Fields, most: int) -> dict[str, str]:
    metadata = fields.texts("metadata", most)
    if reserved := next((key for key in metadata if key.startswith(RESERVED)), None):
        raise fields.fault("metadata", f"has the key {reserved[:80]!r}, but keys that begin with {RESERVED} are taken")
    return metadata
