"""Size limits of API messages, which the service checks and the client respects."""

from __future__ import annotations

from typing import Final

MAX_REQUEST_BYTES: Final = 16 * 2**20
"""Maximum size of a request to InferenceService. Any request with one prompt fits: 1,000,000 characters take at most
4,000,000 bytes."""

MAX_OTHER_REQUEST_BYTES: Final = 2 * 2**20
"""Maximum size of a request to any other service, such as a chunk of an upload. All fields at their limits fit."""

MAX_RESPONSE_BYTES: Final = 64 * 2**20
"""Maximum response size."""

USUAL_RESPONSE_BYTES: Final = 4 * 2**20
"""Maximum response size that gRPC clients accept by default."""

MAX_PAGE_BYTES: Final = 2 * 2**20
"""Size at which a page of a list ends. A page has at least one item, which may be larger."""

MAX_BATCH_REQUESTS: Final = 256
"""Maximum number of requests in one batch."""
