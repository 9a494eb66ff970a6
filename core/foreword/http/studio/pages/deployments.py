"""Deployments: the list, and one with its revisions, its rollout, and the calls of programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import Canary, Deployment, RevisionState, RolloutState, Shadow
from foreword.errors import ForewordError, InvalidArgumentError
from foreword.http.errors import STATUS
from foreword.http.studio.changes import changed
from foreword.http.studio.filters import quoted
from foreword.http.studio.forms import read_form
from foreword.http.studio.paging import ListPage
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import Session, service_address

_LONGEST_NAME: Final = 200
_MOST_MODELS: Final = 100
"""Models that a form offers, the newest first."""
_PROBING_SECONDS: Final = 2
"""Time after which the page of a deployment that is being probed is loaded again."""


async def list_deployments(request: Request, session: Session) -> Response:
    """Show the deployments of the tenant, filtered by name, and its spaces."""
    name = request.query_params.get("name", "")[:_LONGEST_NAME]
    condition = f"serving_name : {quoted(name)}" if name else ""
    listed, spaces = await asyncio.gather(
        ListPage.read(
            request,
            lambda token, limit: session.client.list_deployments(filter=condition, limit=limit, page_token=token),
        ),
        session.client.list_spaces(),
    )
    names = {space.name: space.display_name for space in spaces}
    return page(
        request,
        session,
        "deployments.html",
        listed=listed,
        name=name,
        spaces=spaces,
        space_names=names,
    )


async def show_deployment(request: Request, session: Session) -> Response:
    """Show one deployment."""
    return await _shown(request, session, _name(request, session))


async def show_again(request: Request, session: Session) -> Response:
    """Show one deployment with what was typed into the form of an update."""
    return await _shown(request, session, _name(request, session), form=await read_form(request))


async def update_deployment(request: Request, session: Session) -> Response:
    """Serve another model: at once, or as a canary or a shadow first."""
    name, form = _name(request, session), await read_form(request)

    async def update() -> object:
        return await session.client.update_deployment(
            name,
            model=form.get("model", ""),
            rollout=_rollout(form),
            etag=form.get("etag", ""),
            force_reason=form.get("force_reason", "").strip(),
            wait=False,
        )

    return await _done(request, session, name, update(), form)


async def roll_back(request: Request, session: Session) -> Response:
    """Serve an earlier revision at once.

    Which revision is the earlier one depends on what serves. So a form that is sent twice, or whose page is old, does
    nothing: a double click would go back by two.
    """
    name, form = _name(request, session), await read_form(request)
    revision = _number(form, "revision", int, 0)
    if seen := form.get("seen", ""):
        now = await session.client.get_deployment(name)
        if seen != f"{now.serving_revision},{now.candidate_revision}":
            return RedirectResponse(f"{root_of(request)}/{name}", 303)
    return await _done(request, session, name, session.client.rollback_deployment(name, revision or 0), form)


async def promote(request: Request, session: Session) -> Response:
    """Serve the revision of a rollout to everybody."""
    name = _name(request, session)
    return await _done(request, session, name, session.client.promote_deployment(name), {})


async def delete_deployment(request: Request, session: Session) -> Response:
    """Delete a deployment."""
    name = _name(request, session)
    change = session.client.delete_deployment(name)
    return await _done(request, session, name, change, {}, then=f"tenants/{session.tenant}/deployments")


async def _done(
    request: Request,
    session: Session,
    name: str,
    change: Awaitable[object],
    form: Mapping[str, str],
    *,
    then: str = "",
) -> Response:
    """Make a change and show the deployment; what was refused is shown with what was asked for."""
    return await changed(
        request,
        change,
        then=lambda _: f"/{then or name}",
        refused=lambda problem: _shown(request, session, name, problem=problem, form=form),
    )


async def _shown(
    request: Request,
    session: Session,
    name: str,
    *,
    problem: ForewordError | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    deployment, space, models = await asyncio.gather(
        session.client.get_deployment(name),
        session.client.get_space(name.partition("/deployments/")[0]),
        session.client.list_tuned_models(limit=_MOST_MODELS),
    )
    rollout = next(
        (item.rollout for item in deployment.revisions if item.revision == deployment.candidate_revision), None
    )
    endpoint = service_address(request, session)
    return page(
        request,
        session,
        "deployment.html",
        status=200 if problem is None else STATUS[problem.kind],
        deployment=deployment,
        space=space,
        models=models,
        model_names={model.name: model.display_name for model in models},
        rollout=rollout,
        promotable=rollout is not None and rollout.state is RolloutState.RUNNING and _is_ready(deployment),
        is_canary=rollout is not None and isinstance(rollout.plan, Canary),
        lead=_lead(deployment),
        problem=problem,
        form=form or {},
        refresh=_PROBING_SECONDS if any(item.state.value == "probing" for item in deployment.revisions) else 0,
        endpoint=endpoint,
        encrypted=endpoint.startswith("https://"),
        host_and_port=endpoint.rpartition("/")[2],
    )


def _is_ready(deployment: Deployment) -> bool:
    """Return whether the revision of a rollout has passed its probe."""
    return any(
        item.revision == deployment.candidate_revision and item.state is RevisionState.READY
        for item in deployment.revisions
    )


def _lead(deployment: Deployment) -> str:
    """Return the sentence under the title: what is the case."""
    served = f"Revision {deployment.serving_revision} answers" if deployment.serving_revision else "Nothing answers yet"
    candidate = next((item for item in deployment.revisions if item.revision == deployment.candidate_revision), None)
    if candidate is None or candidate.rollout is None:
        probing = any(item.state.value == "probing" for item in deployment.revisions)
        return f"{served}; a new revision is being probed." if probing else f"{served}."
    plan = candidate.rollout.plan
    share = f"{100 * plan.share:g} %"
    if isinstance(plan, Shadow):
        return f"{served}; revision {candidate.revision} answers {share} of the requests as well, for comparison."
    return f"{served}; revision {candidate.revision} is a canary for {share} of the requests."


def _rollout(form: Mapping[str, str]) -> Canary | Shadow | None:
    """Return the rollout that a form asks for.

    Raises:
        InvalidArgumentError: The share is no number.
    """
    kind = form.get("rollout", "")
    if kind not in {"canary", "shadow"}:
        return None
    percent = _number(form, "share", float, 10.0)
    return (Canary if kind == "canary" else Shadow)(share=percent / 100)


def _number(form: Mapping[str, str], field: str, kind: Callable[[str], Any], default: Any) -> Any:
    text = form.get(field, "").strip()
    try:
        return kind(text) if text else default
    except ValueError:
        raise InvalidArgumentError.of(field, "must be a number") from None


def _name(request: Request, session: Session) -> str:
    parts = request.path_params
    return f"tenants/{session.tenant}/spaces/{parts['space']}/deployments/{parts['deployment']}"
