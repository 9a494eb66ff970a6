"""The addresses of the interface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreword.errors import DeadlineExceededError, UnavailableError
from foreword.http.callers import tenant_of
from foreword.http.errors import RequestError
from foreword.http.openai.inference.chat import create_chat_completion
from foreword.http.openai.inference.completions import create_completion
from foreword.http.openai.models import delete_model, list_models, retrieve_model
from foreword.http.openai.tuning.files import create_file, delete_file, file_content, list_files, retrieve_file
from foreword.http.openai.tuning.job_creation import create_job
from foreword.http.openai.tuning.jobs import cancel_job, list_checkpoints, list_events, list_jobs, retrieve_job

Endpoint = Callable[[Request], Awaitable[Response]]

_GENERATE: Final = "Use /v1/chat/completions or /v1/completions."
_TEXT_ONLY: Final = "Models of this service read and write text only."
_UNSUPPORTED: Final = {
    "/v1/embeddings": (
        "EMBEDDINGS",
        f"Embeddings cannot be honoured: models of this service answer with text. {_GENERATE}",
    ),
    "/v1/responses": ("RESPONSES", f"Responses cannot be honoured: this service stores no conversations. {_GENERATE}"),
    "/v1/moderations": (
        "MODERATIONS",
        "Moderations cannot be honoured: this service has no model for them. Tune a classifier with "
        "/v1/fine_tuning/jobs, and ask it with /v1/chat/completions.",
    ),
    "/v1/batches": (
        "BATCHES",
        "Batches cannot be honoured over HTTP. Send up to 128 prompts at once to /v1/completions, or run a batch job "
        "with `foreword batch`.",
    ),
    "/v1/images": ("IMAGES", f"Images cannot be honoured. {_TEXT_ONLY} {_GENERATE}"),
    "/v1/audio": ("AUDIO", f"Audio cannot be honoured. {_TEXT_ONLY} {_GENERATE}"),
    "/v1/vector_stores": (
        "VECTOR_STORES",
        "Vector stores cannot be honoured: this service searches nothing. Put what a model is to read into the "
        "messages of /v1/chat/completions.",
    ),
    "/v1/assistants": (
        "ASSISTANTS",
        f"Assistants cannot be honoured: this service stores no conversations. {_GENERATE}",
    ),
}
"""Addresses of OpenAI that the service does not have, with what to use instead."""


def _refusal(what: str, message: str) -> Endpoint:
    async def refuse(_: Request) -> Response:
        raise RequestError(message, status=404, reason=f"{what}_UNSUPPORTED")

    return refuse


_refuse_pause = _refusal(
    "PAUSE", "A job cannot be paused: the service shares its workers itself. Cancel it, or let it run."
)


def _authenticated(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that tells callers without a valid key nothing else about their requests.

    The service checks the key of each call, so only a request that is refused before a call needs a check of its own.
    """

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RequestError:
            with suppress(UnavailableError, DeadlineExceededError):
                await tenant_of(request)
            raise

    return answer


_ENDPOINTS: Final[list[tuple[str, str, Endpoint]]] = [
    ("GET", "/v1/models", list_models),
    ("GET", "/v1/models/{model:path}", retrieve_model),
    ("DELETE", "/v1/models/{model:path}", delete_model),
    ("POST", "/v1/completions", create_completion),
    ("POST", "/v1/chat/completions", create_chat_completion),
    ("GET", "/v1/files", list_files),
    ("POST", "/v1/files", create_file),
    ("GET", "/v1/files/{file}", retrieve_file),
    ("DELETE", "/v1/files/{file}", delete_file),
    ("GET", "/v1/files/{file}/content", file_content),
    ("GET", "/v1/fine_tuning/jobs", list_jobs),
    ("POST", "/v1/fine_tuning/jobs", create_job),
    ("GET", "/v1/fine_tuning/jobs/{job}", retrieve_job),
    ("POST", "/v1/fine_tuning/jobs/{job}/cancel", cancel_job),
    ("GET", "/v1/fine_tuning/jobs/{job}/events", list_events),
    ("GET", "/v1/fine_tuning/jobs/{job}/checkpoints", list_checkpoints),
    ("POST", "/v1/fine_tuning/jobs/{job}/pause", _refuse_pause),
    ("POST", "/v1/fine_tuning/jobs/{job}/resume", _refuse_pause),
]

ROUTES: Final = [
    *(Route(path, _authenticated(endpoint), methods=[method]) for method, path, endpoint in _ENDPOINTS),
    *(
        Route(path + rest, _authenticated(_refusal(what, message)), methods=["GET", "POST", "DELETE"])
        for path, (what, message) in _UNSUPPORTED.items()
        for rest in ("", "/{rest:path}")
    ),
]
