"""The addresses of the interface."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreword.http.errors import RequestError
from foreword.http.openai.inference.chat import create_chat_completion
from foreword.http.openai.inference.completions import create_completion
from foreword.http.openai.models import delete_model, list_models, retrieve_model
from foreword.http.openai.tuning.files import create_file, delete_file, file_content, list_files, retrieve_file
from foreword.http.openai.tuning.job_creation import create_job
from foreword.http.openai.tuning.jobs import cancel_job, list_checkpoints, list_events, list_jobs, retrieve_job


async def _refuse_embeddings(_: Request) -> Response:
    raise RequestError(
        "Embeddings cannot be honoured: models of this service answer with text. Use /v1/completions or "
        "/v1/chat/completions.",
        status=404,
        reason="EMBEDDINGS_UNSUPPORTED",
    )


async def _refuse_pause(_: Request) -> Response:
    raise RequestError(
        "A job cannot be paused: the service shares its workers itself. Cancel it, or let it run.",
        status=404,
        reason="PAUSE_UNSUPPORTED",
    )


ROUTES: Final = [
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model:path}", retrieve_model, methods=["GET"]),
    Route("/v1/models/{model:path}", delete_model, methods=["DELETE"]),
    Route("/v1/completions", create_completion, methods=["POST"]),
    Route("/v1/chat/completions", create_chat_completion, methods=["POST"]),
    Route("/v1/embeddings", _refuse_embeddings, methods=["POST"]),
    Route("/v1/files", list_files, methods=["GET"]),
    Route("/v1/files", create_file, methods=["POST"]),
    Route("/v1/files/{file}", retrieve_file, methods=["GET"]),
    Route("/v1/files/{file}", delete_file, methods=["DELETE"]),
    Route("/v1/files/{file}/content", file_content, methods=["GET"]),
    Route("/v1/fine_tuning/jobs", list_jobs, methods=["GET"]),
    Route("/v1/fine_tuning/jobs", create_job, methods=["POST"]),
    Route("/v1/fine_tuning/jobs/{job}", retrieve_job, methods=["GET"]),
    Route("/v1/fine_tuning/jobs/{job}/cancel", cancel_job, methods=["POST"]),
    Route("/v1/fine_tuning/jobs/{job}/events", list_events, methods=["GET"]),
    Route("/v1/fine_tuning/jobs/{job}/checkpoints", list_checkpoints, methods=["GET"]),
    Route("/v1/fine_tuning/jobs/{job}/pause", _refuse_pause, methods=["POST"]),
    Route("/v1/fine_tuning/jobs/{job}/resume", _refuse_pause, methods=["POST"]),
]
