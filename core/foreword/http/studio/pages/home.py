"""The first page of a tenant: what is under way, what is deployed, and what has ended lately."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session


async def show_home(request: Request, session: Session) -> Response:
    """Show the page."""
    client = session.client
    active, ended, deployments = await asyncio.gather(
        client.list_tune_experiments(filter="state = RUNNING OR state = QUEUED OR state = CANCELLING", limit=6),
        client.list_tune_experiments(filter="state = SUCCEEDED OR state = FAILED", limit=5),
        client.list_deployments(limit=20),
    )
    lead = _lead(len(active), len(deployments))
    return page(request, session, "home.html", active=active, ended=ended, deployments=deployments, lead=lead)


def _lead(runs: int, models: int) -> str:
    said = {0: "No run is under way.", 1: "One run is under way."}.get(runs, f"{runs} runs are under way.")
    deployed = {0: "Nothing is deployed yet.", 1: "One model is deployed."}.get(
        models, f"{models} models are deployed."
    )
    return f"{said} {deployed}"
