from __future__ import annotations

import pytest

from foreword.errors import FailedPreconditionError
from foreword_slack.hooks import Hooks, hookimpl


async def test_a_plugin_replaces_the_redaction():
    class Strict:
        @hookimpl
        def redact(self, text):
            return "***"

    assert await Hooks(Strict()).redact("Call me") == "***"
    assert await Hooks().redact("Call 555-123-4567") == "Call [phone number]"


def test_a_misspelt_hook_is_refused():
    class Misspelt:
        @hookimpl
        def routing_decidde(self, event): ...

    with pytest.raises(FailedPreconditionError, match="routing_decidde"):
        Hooks(Misspelt())
