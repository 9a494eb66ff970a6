"""Tenants, for administrators of the service: the list, a new one, and suspending, deleting and restoring one."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from foreword.client import AsyncClient, Tenant
from foreword.errors import ForewordError, InvalidArgumentError, PermissionDeniedError
from foreword.http.errors import STATUS
from foreword.http.studio.administration import Administrator, administrator_of
from foreword.http.studio.changes import changed
from foreword.http.studio.filters import quoted
from foreword.http.studio.forms import Form, read_form
from foreword.http.studio.paging import ListPage
from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session

_LONGEST_NAME: Final = 200
_GRACE_DAYS: Final = "7"
_VERBS: Final = frozenset({"suspend", "resume", "delete", "undelete"})


async def list_tenants(request: Request, session: Session) -> Response:
    """Show all tenants of the service."""
    return await _list(request, session, await _operator(request, session))


async def create_tenant(request: Request, session: Session) -> Response:
    """Create a tenant."""
    form, operator = await read_form(request), await _operator(request, session)
    name = form.get("display_name", "").strip()
    return await changed(
        request,
        operator.client.create_tenant(form.get("tenant_id", "").strip(), display_name=name),
        then=lambda made: _address(session, made.name.removeprefix("tenants/")),
        refused=lambda problem: _list(request, session, operator, problem=problem, form=form),
    )


async def show_list_again(request: Request, session: Session) -> Response:
    """Show all tenants with what was typed into the form of a new one."""
    return await _list(request, session, await _operator(request, session), form=await read_form(request))


async def show_tenant(request: Request, session: Session) -> Response:
    """Show one tenant."""
    return await _one(request, session, await _operator(request, session))


async def change_tenant(request: Request, session: Session) -> Response:
    """Suspend, resume, delete or undelete a tenant, as the address says."""
    form, operator = await read_form(request), await _operator(request, session)
    if request.path_params["verb"] not in _VERBS:
        raise HTTPException(404)
    return await changed(
        request,
        _change(operator.client, request.path_params["other"], request.path_params["verb"], form),
        then=lambda _: _address(session, request.path_params["other"]),
        refused=lambda problem: _one(request, session, operator, problem=problem, form=form),
    )


async def show_again(request: Request, session: Session) -> Response:
    """Show one tenant with what was typed into its forms."""
    return await _one(request, session, await _operator(request, session), form=await read_form(request))


async def _change(client: AsyncClient, tenant: str, verb: str, form: Form) -> Tenant:
    name, etag = f"tenants/{tenant}", form.get("etag", "")
    made: Awaitable[Tenant]
    match verb:
        case "suspend":
            made = client.suspend_tenant(name, reason=form.get("reason", "").strip(), etag=etag)
        case "resume":
            made = client.resume_tenant(name, etag=etag)
        case "delete":
            made = client.delete_tenant(name, grace_period=_days(form.get("days", "").strip()), etag=etag)
        case _:
            made = client.undelete_tenant(name, etag=etag)
    return await made


def _days(text: str) -> timedelta | None:
    """Return a number of days; None for the default of the service.

    Raises:
        InvalidArgumentError: The text is no number.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InvalidArgumentError.of("grace_period", "must be a whole number of days from 0 to 365")
    return timedelta(days=int(text))


async def _operator(request: Request, session: Session) -> Administrator:
    """Return who manages the tenants of the service.

    Raises:
        PermissionDeniedError: Nobody does in this session.
    """
    found = await administrator_of(request, session)
    if found is None or not found.of_all_tenants:
        raise PermissionDeniedError(
            "Tenants are managed with a key that has the scope `admin`. Enter one on the page Keys, below Settings.",
            reason="SCOPE_MISSING",
            metadata={"scope": "admin"},
        )
    return found


async def _list(
    request: Request,
    session: Session,
    operator: Administrator,
    *,
    problem: ForewordError | None = None,
    form: Form | None = None,
) -> Response:
    name = request.query_params.get("name", "")[:_LONGEST_NAME]
    condition = f"display_name : {quoted(name)}" if name else ""
    listed = await ListPage.read(
        request,
        lambda token, limit: operator.client.list_tenants(filter=condition, limit=limit, page_token=token),
    )
    return page(
        request,
        session,
        "tenants.html",
        status=200 if problem is None else STATUS[problem.kind],
        administrator=operator,
        listed=listed,
        name=name,
        problem=problem,
        form=form or {},
    )


async def _one(
    request: Request,
    session: Session,
    operator: Administrator,
    *,
    problem: ForewordError | None = None,
    form: Form | None = None,
) -> Response:
    tenant = await operator.client.get_tenant(f"tenants/{request.path_params['other']}")
    return page(
        request,
        session,
        "tenant.html",
        status=200 if problem is None else STATUS[problem.kind],
        administrator=operator,
        other=tenant,
        id=tenant.name.removeprefix("tenants/"),
        problem=problem,
        form=form or {},
        grace_days=_GRACE_DAYS,
    )


def _address(session: Session, tenant: str) -> str:
    return f"/tenants/{session.tenant}/settings/tenants/{tenant}"
