"""The addresses of the interface."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreword.http.errors import RequestError
from foreword.http.openai.chat import create_chat_completion
from foreword.http.openai.completions import create_completion
from foreword.http.openai.models import list_models, retrieve_model


async def _refuse_embeddings(_: Request) -> Response:
    raise RequestError(
        "Embeddings cannot be honoured: models of this service answer with text. Use /v1/completions or "
        "/v1/chat/completions.",
        status=404,
        reason="EMBEDDINGS_UNSUPPORTED",
    )


ROUTES: Final = [
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model:path}", retrieve_model, methods=["GET"]),
    Route("/v1/completions", create_completion, methods=["POST"]),
    Route("/v1/chat/completions", create_chat_completion, methods=["POST"]),
    Route("/v1/embeddings", _refuse_embeddings, methods=["POST"]),
]
