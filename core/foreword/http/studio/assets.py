"""Style sheets and scripts, which browsers keep for a year under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAMES: Final = (
    "tokens.css",
    "studio.css",
    "studio.js",
    "keyboard.js",
    "crosshair.js",
    "lab.js",
    "icon.svg",
    "vendor/htmx.min.js",
    "vendor/hx-sse.min.js",
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content, plain and compressed, and a hash of it."""

    content: bytes
    compressed: bytes
    media_type: str
    digest: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files by name."""
    folder = files("foreword.http.studio") / "static"
    return {name: _asset(name, (folder / name).read_bytes()) for name in _NAMES}


def asset_path(name: str) -> str:
    """Return the path of a file, which changes with its content."""
    return f"/static/{assets()[name].digest}/{name}"


async def send_asset(request: Request) -> Response:
    """Answer with a file."""
    asset = assets().get(request.path_params["name"])
    if asset is None or request.path_params["digest"] != asset.digest:
        raise HTTPException(404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.compressed, media_type=asset.media_type, headers=headers | {"content-encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _asset(name: str, content: bytes) -> Asset:
    return Asset(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=_TYPES[name[name.rindex(".") :]],
        digest=hashlib.sha256(content).hexdigest()[:16],
    )
