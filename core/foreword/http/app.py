"""The application: all interfaces over one connection to the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from foreword.addresses import is_loopback
from foreword.client import AsyncClient
from foreword.config import Settings
from foreword.errors import ForewordError
from foreword.http.bodies import MAX_OPEN_BYTES
from foreword.http.budgets import MAX_OPEN_CALLS, Budget, bodies_busy, calls_busy
from foreword.http.errors import RequestError
from foreword.http.openai.errors import error_response
from foreword.http.openai.routes import ROUTES as OPENAI_ROUTES
from foreword.http.security import Guard
from foreword.http.studio.administration import Administrators
from foreword.http.studio.errors import error_page
from foreword.http.studio.paging import NoSuchPageError
from foreword.http.studio.routes import ROUTES as STUDIO_ROUTES
from foreword.http.studio.sessions import SignInNeededError
from foreword.http.studio.sign_in_links import SignInLinks
from foreword.observability.metrics.http import HttpMetrics

if TYPE_CHECKING:
    from foreword.http.traces import HttpTraces


def create_app(
    service: AsyncClient,
    settings: Settings,
    *,
    stopping: asyncio.Event | None = None,
    metrics: HttpMetrics | None = None,
    traces: HttpTraces | None = None,
) -> ASGIApp:
    """Return the application.

    Args:
        service: A client without a key, over whose connection the clients of all callers speak.
        settings: The hosts that requests may name, and whether to log requests.
        stopping: Is set when no more requests are accepted. Default: never.
        metrics: Counts the requests.
        traces: Records a span of each request.
    """
    app = Starlette(
        routes=[*OPENAI_ROUTES, *STUDIO_ROUTES],
        exception_handlers={
            RequestError: _answer,
            ForewordError: _answer,
            HTTPException: _answer,
            SignInNeededError: _answer,
            NoSuchPageError: _answer,
        },
    )
    app.state.service = service
    app.state.settings = settings
    app.state.stopping = stopping or asyncio.Event()
    app.state.administrators = Administrators()
    app.state.links = SignInLinks.beside(service.endpoint)
    app.state.bodies = Budget(MAX_OPEN_BYTES, bodies_busy)
    app.state.uploads = Budget(settings.max_open_upload_bytes, bodies_busy)
    app.state.calls = Budget(MAX_OPEN_CALLS, calls_busy)
    # Routes are exact: a redirect would lose the body of a request, and its key on the way to another host.
    app.router.redirect_slashes = False
    # Without Starlette's outer layer: the guard answers and logs unexpected errors.
    app.middleware_stack = ExceptionMiddleware(app.router, handlers=app.exception_handlers)
    return Guard(
        app,
        allowed_hosts=settings.http_allowed_hosts,
        public=not is_loopback(settings.http_host),
        access_log=settings.access_log,
        render=_rendered,
        metrics=metrics,
        traces=traces,
    )


async def _answer(request: Request, error: Exception) -> Response:
    return _rendered(request, error)


def _rendered(request: Request, error: Exception) -> Response:
    """Return an error in the form of the interface that was asked: for programs below /v1, for people elsewhere."""
    is_program = request.url.path.startswith("/v1/") or request.url.path == "/v1"
    return error_response(error) if is_program else error_page(request, error)
