"""Signing in and out."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.errors import ForewordError, UnavailableError
from foreword.http.errors import STATUS, RequestError
from foreword.http.studio.administration import lock
from foreword.http.studio.forms import Form, KeptForm, read_form
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import (
    Session,
    SignInNeededError,
    begin,
    end_former,
    forget,
    remember,
    signed_in_tenants,
)

_PAGE: Final = re.compile(r"/tenants/([a-z0-9-]{1,63})/[A-Za-z0-9/_.-]*(\?[!-~]{0,4000})?")
"""What a browser may be led back to: a page of a tenant."""
_LONGEST_LINK: Final = 200


async def show_start(request: Request) -> Response:
    """Lead to the first tenant of the browser, or to signing in."""
    tenants = signed_in_tenants(request)
    return RedirectResponse(f"{root_of(request)}{f'/tenants/{tenants[0]}/' if tenants else '/sign-in'}", 303)


async def show_tenant(request: Request) -> Response:
    """Lead from the name of a tenant to its first page."""
    return RedirectResponse(f"{root_of(request)}/tenants/{quote(request.path_params['tenant'], safe='')}/", 303)


async def show_sign_in(request: Request) -> Response:
    """Show the form for an API key, or the button of a link.

    A link is used by the button and not by its address, which other programs than browsers may open. A script presses
    it.
    """
    query = request.query_params
    if link := query.get("link", ""):
        return page(request, None, "sign_in_link.html", link=link[:_LONGEST_LINK])
    return _form(request, next_page=query.get("next", ""), tenant=query.get("tenant", ""), expired="expired" in query)


async def sign_in(request: Request) -> Response:
    """Begin a session with an API key or a link."""
    form = await read_form(request, keeps_another=True)
    next_page, kept = form.get("next", ""), form.kept
    of_kept = _PAGE.fullmatch(kept.action) if kept is not None else None
    if of_kept is None or of_kept[2]:  # with a query, it would not only be shown again
        kept = of_kept = None
    only = of_kept[1] if of_kept is not None else ""
    try:
        if link := form.get("link", ""):
            with request.app.state.links.taken(link) as api_key:
                tenant, secret = await begin(request, api_key)
        else:
            tenant, secret = await begin(request, form.get("api_key", "").strip(), only=only)
    except RequestError as problem:
        return _form(request, next_page=next_page, problem=problem, status=problem.status)
    except UnavailableError as problem:
        if kept is None:
            raise
        return _form(request, next_page=next_page, tenant=only, problem=problem, kept=kept, status=STATUS[problem.kind])
    except ForewordError as problem:
        return _form(request, next_page=next_page, tenant=only, problem=problem, kept=kept, status=STATUS[problem.kind])
    response: Response
    if kept is not None:
        response = page(request, None, "resume.html", kept=kept, tenant=tenant)
    else:
        asked = _PAGE.fullmatch(next_page)
        target = next_page if asked is not None and asked[1] == tenant else f"/tenants/{tenant}/"
        response = RedirectResponse(f"{root_of(request)}{target}", 303)
    lock(request, tenant)
    await end_former(request, tenant, secret)
    remember(request, response, tenant, secret)
    return response


def show_sign_in_again(request: Request, needed: SignInNeededError, form: Form) -> Response:
    """Show the form for an API key in answer to another form, which is kept: nothing of it is lost or done."""
    kept = form.keep(request.url.path)
    return _form(request, next_page="", tenant=needed.tenant, expired=True, kept=kept, status=401)


async def sign_out(request: Request, session: Session) -> Response:
    """End a session and revoke its key, unless it is the development key."""
    if session.identity.parent_key:
        await session.client.delete_api_key(session.identity.api_key)
    lock(request, session.tenant)
    response = RedirectResponse(f"{root_of(request)}/sign-in", 303)
    forget(request, response, session.tenant)
    return response


def _form(
    request: Request,
    *,
    next_page: str,
    tenant: str = "",
    expired: bool = False,
    problem: ForewordError | RequestError | None = None,
    kept: KeptForm | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        None,
        "sign_in.html",
        status=status,
        next_page=next_page if _PAGE.fullmatch(next_page) else "",
        tenant=tenant[:63],
        expired=expired,
        problem=problem,
        kept=kept,
    )
