"""Tuned models: what one is made of, and how it is deployed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from foreword.client import TunedModel
from foreword.errors import ForewordError
from foreword.http.errors import STATUS
from foreword.http.studio.changes import changed
from foreword.http.studio.forms import read_form
from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session

_MOST_DEPLOYMENTS: Final = 100


async def show_tuned_model(request: Request, session: Session) -> Response:
    """Show one tuned model."""
    return await _shown(request, session, _name(request, session))


async def deploy(request: Request, session: Session) -> Response:
    """Deploy it under a serving name, and show the deployment."""
    name, form = _name(request, session), await read_form(request)
    return await changed(
        request,
        session.client.create_deployment(
            name,
            serving_name=form.get("serving_name", "").strip(),
            space=form.get("space", "default"),
            force_reason=form.get("force_reason", "").strip(),
            wait=False,
        ),
        then=lambda deployment: f"/{deployment.name}",
        refused=lambda problem: _shown(request, session, name, problem=problem, form=form),
    )


async def show_again(request: Request, session: Session) -> Response:
    """Show one tuned model with what was typed into the form to deploy it."""
    return await _shown(request, session, _name(request, session), form=await read_form(request))


async def delete_tuned_model(request: Request, session: Session) -> Response:
    """Delete a tuned model that no deployment serves."""
    name = _name(request, session)
    return await changed(
        request,
        session.client.delete_tuned_model(name),
        then=lambda _: f"/tenants/{session.tenant}/tuneExperiments",
        refused=lambda problem: _shown(request, session, name, problem=problem),
    )


async def _shown(
    request: Request,
    session: Session,
    name: str,
    *,
    problem: ForewordError | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    model, spaces, deployments = await asyncio.gather(
        session.client.get_tuned_model(name),
        session.client.list_spaces(),
        session.client.list_deployments(limit=_MOST_DEPLOYMENTS),
    )
    return page(
        request,
        session,
        "tuned_model.html",
        status=200 if problem is None else STATUS[problem.kind],
        model=model,
        spaces=spaces,
        deployments=[item for item in deployments if item.model == model.name],
        lead=_lead(model),
        problem=problem,
        form=form or {},
    )


def _lead(model: TunedModel) -> str:
    """Return the sentence under the title: what it is."""
    method = model.tuning_type.replace("_", " ")
    vectors = f" of {model.num_virtual_tokens} vectors" if model.num_virtual_tokens else ""
    tuned = next((item for item in model.evaluations if item.system == "tuned"), None)
    if tuned is None:
        return f"An adapter of {method}{vectors}; it was not evaluated."
    metric = tuned.main_metric.replace("_", " ")
    value = tuned.metrics[tuned.main_metric]
    return f"An adapter of {method}{vectors}; {value:.3f} {metric} on {tuned.row_count} held-out rows."


def _name(request: Request, session: Session) -> str:
    return f"tenants/{session.tenant}/tunedModels/{request.path_params['model']}"
