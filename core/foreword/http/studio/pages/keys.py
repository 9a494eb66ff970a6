"""The keys of a tenant: the list, a new key, and how one is revoked, for those who may manage them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import ApiKey, Scope
from foreword.errors import ForewordError, InvalidArgumentError, UnavailableError
from foreword.http.errors import STATUS
from foreword.http.studio.administration import Administrator, administrator_of, lock, unlock
from foreword.http.studio.changes import changed
from foreword.http.studio.forms import Form, read_form
from foreword.http.studio.paging import ListPage
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import Session, secret_of

_WITHOUT_SESSIONS: Final = 'NOT parent_key != "none"'
"""Child keys have a parent, whose name is not this one; a comparison with an unset field is false."""
_OFFERED: Final = (
    (Scope.READ, "get, list, watch"),
    (Scope.WRITE, "upload, tune, deploy, delete"),
    (Scope.INFER, "generate, classify, tokenize"),
    (Scope.TENANT_ADMIN, "manage the keys of the tenant"),
    (Scope.ADMIN, "manage all tenants and their keys"),
)
_FIRST: Final = ("read", "write", "infer")
"""Scopes that are ticked in a fresh form."""
_FIELDS: Final = {"api_key.display_name": "display_name", "api_key.expire_time": "expires", "api_key.scopes": "scope"}


async def show_keys(request: Request, session: Session) -> Response:
    """Show the keys of the tenant, or the form for the key of an administrator."""
    return await _shown(request, session)


async def show_key(request: Request, session: Session) -> Response:
    """Lead from the name of a key to the list."""
    return RedirectResponse(f"{root_of(request)}/tenants/{session.tenant}/apiKeys", 303)


async def create_key(request: Request, session: Session) -> Response:
    """Create a key, and show its secret once."""
    form = await read_form(request)
    administrator = await administrator_of(request, session)
    if administrator is None:
        return await _shown(request, session, form=form)

    async def create() -> ApiKey:
        scopes = [scope for scope in Scope if scope.value in form.all("scope")]
        return await administrator.client.create_api_key(
            session.identity.tenant,
            display_name=form.get("display_name", "").strip(),
            scopes=scopes,
            expire_time=_end_of_day(form.get("expires", "").strip()),
        )

    def then(created: ApiKey) -> str:
        administrators = request.app.state.administrators
        administrators.keep_new(secret_of(request, session.tenant), created.name, created.secret)
        return f"/tenants/{session.tenant}/apiKeys"

    return await changed(
        request,
        create(),
        then=then,
        refused=lambda problem: _shown(request, session, problem=problem, form=form),
    )


async def show_again(request: Request, session: Session) -> Response:
    """Show the keys with what was typed into the form of a new one."""
    return await _shown(request, session, form=await read_form(request))


async def revoke_key(request: Request, session: Session) -> Response:
    """Revoke a key and all sessions that were opened with it."""
    administrator = await administrator_of(request, session)
    if administrator is None:
        return await _shown(request, session)
    return await changed(
        request,
        administrator.client.delete_api_key(f"tenants/{session.tenant}/apiKeys/{request.path_params['key']}"),
        then=lambda _: f"/tenants/{session.tenant}/apiKeys",
        refused=lambda problem: _shown(request, session, problem=problem),
    )


async def enter_key(request: Request, session: Session) -> Response:
    """Take the key of an administrator."""
    form = await read_form(request)
    try:
        await unlock(request, session, form.get("api_key", "").strip())
    except UnavailableError:
        raise
    except ForewordError as problem:
        return await _shown(request, session, problem=problem)
    return RedirectResponse(f"{root_of(request)}/tenants/{session.tenant}/apiKeys", 303)


async def forget_key(request: Request, session: Session) -> Response:
    """Forget the key of an administrator."""
    lock(request, session.tenant)
    return RedirectResponse(f"{root_of(request)}/tenants/{session.tenant}/apiKeys", 303)


async def _shown(
    request: Request, session: Session, *, problem: ForewordError | None = None, form: Form | None = None
) -> Response:
    administrator = await administrator_of(request, session)
    faults = _faults(problem)
    found = None if administrator is None else await _keys(request, session, administrator)
    offered = () if administrator is None else _offered(administrator)
    new = request.app.state.administrators.take_new(secret_of(request, session.tenant)) if found is not None else None
    return page(
        request,
        session,
        "keys.html",
        status=200 if problem is None else STATUS[problem.kind],
        administrator=administrator,
        listed=found,
        with_sessions="sessions" in request.query_params,
        new=new,
        has_secret=new is not None,
        offered=offered,
        form=form or {},
        ticked=form.all("scope") if form is not None else _FIRST,
        faults=defaultdict(str, faults),
        problem=None if faults else problem,
        now=datetime.now(UTC),
        tomorrow=(datetime.now(UTC) + timedelta(days=1)).date(),
    )


async def _keys(request: Request, session: Session, administrator: Administrator) -> ListPage[ApiKey]:
    condition = "" if "sessions" in request.query_params else _WITHOUT_SESSIONS
    return await ListPage.read(
        request,
        lambda token, limit: administrator.client.list_api_keys(
            session.identity.tenant, filter=condition, limit=limit, page_token=token
        ),
    )


def _offered(administrator: Administrator) -> list[tuple[str, str]]:
    """Return the scopes that an administrator can give to a key, and what each allows."""
    own = administrator.identity.scopes
    return [(scope.value, said) for scope, said in _OFFERED if scope in own or Scope.ADMIN in own]


def _faults(problem: ForewordError | None) -> Mapping[str, str]:
    """Return what is wrong with fields of the form; nothing if something else is wrong."""
    if not isinstance(problem, InvalidArgumentError):
        return {}
    if any(item.field not in _FIELDS for item in problem.violations):
        return {}
    return {_FIELDS[item.field]: f"This {item.description}." for item in problem.violations}


def _end_of_day(text: str) -> datetime | None:
    """Return the end of a day in UTC; None for no day.

    Raises:
        InvalidArgumentError: The text is no day.
    """
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidArgumentError.of("api_key.expire_time", "must be a day such as 2027-01-31") from None
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)
