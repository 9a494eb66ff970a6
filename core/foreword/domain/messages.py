"""How large messages of the API may be: the service checks these limits, and the client keeps within them."""

from __future__ import annotations

from typing import Final

MAX_REQUEST_BYTES: Final = 16 * 2**20
"""Largest request message. Every request of one prompt fits: 1,000,000 characters take at most 4,000,000 bytes."""

MAX_RESPONSE_BYTES: Final = 64 * 2**20
"""Largest response message."""

USUAL_RESPONSE_BYTES: Final = 4 * 2**20
"""Largest response message that gRPC clients take unless they are set up for more."""

MAX_BATCH_REQUESTS: Final = 256
"""Most requests in one batch."""
