"""Protection of browsers: what a page may load, and which pages may send forms.

A browser sends the cookies of a session whichever page has caused a request. So a request that changes something must
come from a page of the studio, which browsers say in `Sec-Fetch-Site`, older ones in `Origin`
(https://owasp.org/www-community/attacks/csrf). That holds for signing in too: otherwise another site could sign a
browser in to a tenant of its own, and get what its user uploads.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from foreword.http.errors import RequestError

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
"""Headers of every page. Nothing on it can come from elsewhere, or from a text in it."""

CROSS_SITE: Final = "CROSS_SITE_REQUEST"
"""The reason of the error that `check_origin` raises."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


def check_origin(request: Request) -> None:
    """Refuse a request that changes something unless a page of the studio has sent it.

    Raises:
        RequestError: Another site has, or a program that is no browser.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        origin = request.headers.get("origin", "")
        allowed = bool(origin) and urlsplit(origin).netloc == request.headers.get("host")
    if not allowed:
        raise RequestError(
            "This form was not sent by a page of the studio. Open the studio at its own address and try again; "
            "programs use the API.",
            status=403,
            reason=CROSS_SITE,
        )
