"""The first page of a tenant: what is under way, what is deployed, and what has ended lately."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import Scope
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import Session

_MOST_ACTIVE: Final = 6
_MOST_DEPLOYMENTS: Final = 20


async def show_home(request: Request, session: Session) -> Response:
    """Show the page."""
    client = session.client
    if not session.may(Scope.READ) and not session.may(Scope.WRITE) and session.may(Scope.INFER):
        return RedirectResponse(f"{root_of(request)}/tenants/{session.tenant}/lab", 303)  # all that the key can use
    active, ended, deployments = await asyncio.gather(
        client.list_tune_experiments(
            filter="state = RUNNING OR state = QUEUED OR state = CANCELLING", limit=_MOST_ACTIVE + 1
        ),
        client.list_tune_experiments(filter="state = SUCCEEDED OR state = FAILED", limit=5),
        client.list_deployments(limit=_MOST_DEPLOYMENTS + 1),
    )
    return page(
        request,
        session,
        "home.html",
        active=active[:_MOST_ACTIVE],
        ended=ended,
        deployments=deployments[:_MOST_DEPLOYMENTS],
        lead=_lead(len(active), len(deployments)),
    )


def _lead(runs: int, models: int) -> str:
    under_way = f"{_count(runs, _MOST_ACTIVE)} runs are under way."
    said = {0: "No run is under way.", 1: "One run is under way."}.get(runs, under_way)
    served = f"{_count(models, _MOST_DEPLOYMENTS)} models are deployed."
    deployed = {0: "Nothing is deployed yet.", 1: "One model is deployed."}.get(models, served)
    return f"{said} {deployed}"


def _count(found: int, most: int) -> str:
    return str(found) if found <= most else f"More than {most}"
