"""Changes that forms make: what follows when one is made, and when the service refuses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.errors import ForewordError, NotFoundError, UnavailableError
from foreword.http.studio.rendering import root_of

Changed = TypeVar("Changed")


async def changed(
    request: Request,
    change: Awaitable[Changed],
    *,
    then: Callable[[Changed], str],
    refused: Callable[[ForewordError], Awaitable[Response]],
) -> Response:
    """Make a change, and lead to the page that shows it, so that loading that page again changes nothing.

    Args:
        change: The call of the service.
        then: Returns the path of that page, from what the service has answered.
        refused: Shows the form again, with the reason why the service has refused it.

    Raises:
        NotFoundError: What was to be changed, or something that the form names, does not exist.
        UnavailableError: The service is away.
    """
    try:
        made = await change
    except (NotFoundError, UnavailableError):
        raise
    except ForewordError as problem:
        return await refused(problem)
    return RedirectResponse(f"{root_of(request)}{then(made)}", 303)
