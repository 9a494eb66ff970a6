"""Rendering of templates. Every text that comes from elsewhere is escaped."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from foreword.client import Scope
from foreword.http.studio import formats
from foreword.http.studio.assets import asset_path
from foreword.http.studio.charts.comparison import sample
from foreword.http.studio.charts.reports import heat, histogram, label_bars
from foreword.http.studio.protection import HEADERS
from foreword.http.studio.sessions import Session, signed_in_tenants

_READS: Final = frozenset({Scope.READ, Scope.WRITE})
_LEAST_COMPRESSED: Final = 1_400
"""Size in bytes below which a page fits into one packet as it is."""
CONTENTS: Final = (
    ("Home", "", _READS, "h"),
    ("Datasets", "datasets", _READS, "d"),
    ("Experiments", "tuneExperiments", _READS, "e"),
    ("Deployments", "deployments", _READS, "p"),
    ("Lab", "lab", frozenset({Scope.INFER}), "l"),
    ("Settings", "settings", frozenset(Scope), "s"),
)
"""The navigation: names, the parts of the address after that of the tenant, the scopes of which a key needs one, and
the key that is pressed after G."""


@cache
def templates() -> Environment:
    """Return the environment of all templates."""
    environment = Environment(
        loader=PackageLoader("foreword.http.studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formats.FILTERS)
    environment.globals.update(
        asset=asset_path,
        contents=CONTENTS,
        Scope=Scope,
        heat=heat,
        histogram=histogram,
        label_bars=label_bars,
        line_sample=sample,
    )
    return environment


def page(
    request: Request,
    session: Session | None,
    template: str,
    *,
    status: int = 200,
    has_secret: bool = False,
    **values: Any,
) -> Response:
    """Return a whole page, compressed if the browser takes that.

    Args:
        session: The session of its tenant; None for a page without one.
        has_secret: Whether it shows a secret, of which the size of a compressed page would tell something.
        values: What the template needs; see its first lines.
    """
    html = render(
        template,
        root=root_of(request),
        session=session,
        tenants=signed_in_tenants(request),
        here=request.url.path,
        request_id=request.state.request_id,
        **values,
    )
    content, headers = html.encode(), {**HEADERS, "vary": "accept-encoding"}
    accepts = "gzip" in request.headers.get("accept-encoding", "")
    if not accepts or has_secret or len(content) < _LEAST_COMPRESSED:
        return HTMLResponse(content, status_code=status, headers=headers)
    compressed = gzip.compress(content, compresslevel=5, mtime=0)
    return HTMLResponse(compressed, status_code=status, headers={**headers, "content-encoding": "gzip"})


def fragment(request: Request, session: Session, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a part of a page that a script puts in its place."""
    html = render(template, root=root_of(request), session=session, **values)
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def render(template: str, **values: Any) -> str:
    """Return the text of a template."""
    return templates().get_template(template).render(values)


def root_of(request: Request) -> str:
    """Return the path below which a proxy offers the studio; usually empty."""
    return str(request.scope.get("root_path", ""))
