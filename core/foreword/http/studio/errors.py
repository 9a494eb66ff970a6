"""Pages for errors: the problem, the remedy, the reason and the id of the request."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.errors import ErrorKind, ForewordError, InternalError, UnavailableError
from foreword.http.errors import STATUS, RequestError
from foreword.http.studio.paging import NoSuchPageError
from foreword.http.studio.protection import CROSS_SITE
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import SignInNeededError, forget, sign_in_address
from foreword.redaction import redact

_HEADINGS: Final = {
    ErrorKind.NOT_FOUND: "There is nothing here",
    ErrorKind.PERMISSION_DENIED: "Your key does not allow this",
    ErrorKind.EXHAUSTED: "Too much at once",
    ErrorKind.UNAVAILABLE: "The service is away",
    ErrorKind.INTERNAL: "Something went wrong",
}


_NO_SUCH_PAGE: Final = (
    "The page token in the address belongs to another list, filter, order or tenant, or is not complete. "
    "Go to the first page and on from there."
)


def error_page(request: Request, error: Exception) -> Response:
    """Return the page for an error, or the way to sign in."""
    match error:
        case SignInNeededError():
            response = RedirectResponse(f"{root_of(request)}{sign_in_address(request, error)}", 303)
            if error.expired:
                forget(request, response, error.tenant)
            return response
        case NoSuchPageError():
            heading = "This page of the list cannot be shown"
            return _page(request, 400, heading, _NO_SUCH_PAGE, "PAGE_TOKEN_INVALID", first_page=error.first)
        case RequestError():
            return _page(request, error.status, "This request was refused", error.message, error.reason)
        case UnavailableError():
            return _page(request, 503, _HEADINGS[error.kind], error.message, error.reason)
        case ForewordError():
            heading = _HEADINGS.get(error.kind, "This does not work as it is")
            return _page(request, STATUS[error.kind], heading, error.message, error.reason)
        case HTTPException(status_code=404):
            return _page(request, 404, _HEADINGS[ErrorKind.NOT_FOUND], "The studio has no such page.", "NOT_FOUND")
        case HTTPException():
            message = f"{error.detail}. Go back and use the buttons of the page."
            return _page(request, error.status_code, "This request was refused", message, "REQUEST_REFUSED")
    fault = InternalError("The page has met a fault of the studio itself. Its log has an entry with the request's id.")
    return _page(request, 500, _HEADINGS[ErrorKind.INTERNAL], fault.message, fault.reason)


def _page(
    request: Request,
    status: int,
    heading: str,
    message: str,
    reason: str,
    *,
    first_page: str = "",
) -> Response:
    return page(
        request,
        getattr(request.state, "session", None),
        "error.html",
        status=status,
        heading=heading,
        message=redact(message),
        reason=reason,
        first_page=first_page,
        kept=getattr(request.state, "kept", None),
        ours=reason != CROSS_SITE,
    )
