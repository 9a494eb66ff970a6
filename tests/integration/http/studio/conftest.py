"""The studio in front of the shared server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factories.http import RunningHttp
from factories.studio import Browser


@pytest.fixture
def browser(http: RunningHttp) -> Iterator[Browser]:
    """A browser that is signed in to the tenant dev."""
    with Browser(http, "dev") as found:
        yield found
