"""Maximum lengths of texts in requests, in characters."""

from __future__ import annotations

MAX_DISPLAY_NAME = 200
MAX_DESCRIPTION = 2_000
MAX_ETAG = 200
