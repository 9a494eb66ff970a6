"""Fine-tuning jobs: the tuning experiments of the service.

A job needs no table of its own: its name, its suffix and its events follow from the stored experiment. Its result is
served at once under the name that the job gives; see `model_names`.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foreword.client import AsyncClient, JobState, TuneExperiment
from foreword.http.callers import client_of
from foreword.http.openai.model_names import SUFFIX_TAG, fine_tuned_name
from foreword.http.openai.paging import from_moment, last_part, listed, page, query, resource_name
from foreword.http.openai.tuning.files import FILE_PREFIX
from foreword.http.openai.tuning.job_events import job_events

JOB_PREFIX: Final = "ftjob-"
MULTIPLIER_TAG: Final = "openai.learning_rate_multiplier"
RESERVED: Final = "openai."
"""Beginning of the keys of tags that hold what only OpenAI's form of a job has."""
_STATUS: Final = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "running",
    JobState.CANCELLING: "running",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


async def list_jobs(request: Request) -> Response:
    """List the experiments of the caller's tenant, newest first."""
    client = client_of(request)

    async def jobs(after: str, number: int) -> AsyncGenerator[dict[str, Any]]:
        begin = (await _experiment(client, after)).create_time if after else None
        experiments = client.stream_tune_experiments(
            filter=from_moment(begin), order_by="create_time desc", page_size=number
        )
        async with aclosing(experiments):
            async for experiment in experiments:
                yield job_object(experiment)

    return JSONResponse(await page(query(request, "limit", "after"), jobs, limit=20, most=1_000))


async def retrieve_job(request: Request) -> Response:
    """Return one job."""
    return JSONResponse(job_object(await _asked(request)))


async def cancel_job(request: Request) -> Response:
    """Ask a job to stop."""
    client = client_of(request)
    return JSONResponse(
        job_object(await client.cancel_tune_experiment(await _name(client, request.path_params["job"])))
    )


async def list_events(request: Request) -> Response:
    """List what has happened in a job, newest first."""
    given = query(request, "limit", "after")
    events = job_events(await _asked(request))
    return JSONResponse(await page(given, listed(events), limit=20, most=1_000))


async def list_checkpoints(request: Request) -> Response:
    """List the models that a job has stored: the one that it keeps, once it has succeeded."""
    given = query(request, "limit", "after")
    experiment = await _asked(request)
    id = last_part(experiment.name)
    kept: dict[str, Any] = {
        "id": f"ftckpt-{id}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": _seconds(experiment.end_time),
        "fine_tuned_model_checkpoint": _result(experiment),
        "fine_tuning_job_id": f"{JOB_PREFIX}{id}",
        "metrics": {},
        "step_number": experiment.progress.step,
    }
    return JSONResponse(await page(given, listed([kept] if experiment.tuned_model else []), limit=10, most=1_000))


def job_object(experiment: TuneExperiment) -> dict[str, Any]:
    """Return OpenAI's form of an experiment."""
    plan, failure = experiment.plan.parameters, experiment.failure
    hyperparameters = {
        "n_epochs": plan.num_epochs if plan.num_epochs is not None else "auto",
        "batch_size": plan.batch_size if plan.batch_size is not None else "auto",
        "learning_rate_multiplier": _multiplier(experiment),
    }
    remaining = experiment.progress.remaining_seconds if experiment.state is JobState.RUNNING else None
    return {
        "id": f"{JOB_PREFIX}{last_part(experiment.name)}",
        "object": "fine_tuning.job",
        "created_at": _seconds(experiment.create_time) or 0,
        "finished_at": _seconds(experiment.end_time),
        "estimated_finish": None if remaining is None else int(time.time() + remaining),
        "model": experiment.base_model,
        "fine_tuned_model": _result(experiment),
        "organization_id": experiment.name.split("/")[1],
        "status": _STATUS[experiment.state],
        "training_file": f"{FILE_PREFIX}{last_part(experiment.dataset)}",
        "validation_file": (
            f"{FILE_PREFIX}{last_part(experiment.validation_dataset)}" if experiment.validation_dataset else None
        ),
        "result_files": [],
        "hyperparameters": hyperparameters,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "trained_tokens": None,
        "seed": plan.seed or 0,
        "error": (
            {"code": failure.reason.lower(), "message": failure.message, "param": None}
            if failure is not None and experiment.state is JobState.FAILED
            else None
        ),
        "integrations": [],
        "metadata": {key: value for key, value in experiment.tags.items() if not key.startswith(RESERVED)},
        "user_provided_suffix": experiment.tags.get(SUFFIX_TAG),
    }


def _result(experiment: TuneExperiment) -> str | None:
    """Return the name of the model that a job has produced; None before."""
    if not experiment.tuned_model:
        return None
    return fine_tuned_name(experiment.base_model, experiment.tuned_model, experiment.tags.get(SUFFIX_TAG, ""))


def _multiplier(experiment: TuneExperiment) -> float | str:
    """Return the multiplier of the recipe's learning rate; `auto` for a rate that was set in another way."""
    try:
        given = float(experiment.tags[MULTIPLIER_TAG])
    except (KeyError, ValueError):
        given = math.nan
    # Anybody may change a tag, and JSON has no infinity.
    return given if math.isfinite(given) else "auto" if experiment.plan.sources.get("learning_rate") == "set" else 1.0


def _seconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp())


async def _name(client: AsyncClient, id: str) -> str:
    return await resource_name(client, "tuneExperiments", id, JOB_PREFIX)


async def _experiment(client: AsyncClient, id: str) -> TuneExperiment:
    return await client.get_tune_experiment(await _name(client, id))


async def _asked(request: Request) -> TuneExperiment:
    """Return the experiment that the address of a request names."""
    return await _experiment(client_of(request), request.path_params["job"])
