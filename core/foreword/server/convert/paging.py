"""Page sizes and page tokens of list requests."""

from __future__ import annotations

from typing import Any

from foreword.domain.violations import Violations
from foreword.storage.pages import LARGEST_PAGE_SIZE

_MAX_PAGE_TOKEN = 2_000


def page_size(request: Any) -> int:
    """Return the page size of a list request; 0 means the default of the list.

    Raises:
        InvalidArgumentError: The size is out of range, or the token is too long.
    """
    violations = Violations()
    violations.number("page_size", int(request.page_size), minimum=0, maximum=LARGEST_PAGE_SIZE)
    violations.text("page_token", request.page_token, _MAX_PAGE_TOKEN)
    violations.check()
    return int(request.page_size)
