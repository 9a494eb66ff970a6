from __future__ import annotations

import pytest

from foreword.errors import FailedPreconditionError
from foreword_slack.hooks import ComplaintCorrected, Hooks, hookimpl


def test_a_plugin_replaces_the_redaction():
    class Strict:
        @hookimpl
        def redact(self, text):
            return "***"

    assert Hooks(Strict()).redact("Call me") == "***"
    assert Hooks().redact("Call 555-123-4567") == "Call [phone number]"


def test_an_exception_in_a_plugin_stops_nothing_and_its_message_is_not_logged(capsys):
    class Broken:
        @hookimpl
        def complaint_corrected(self, event):
            raise RuntimeError(event.text)

    event = ComplaintCorrected(
        team="T1", complaint="C1:1", text="private words", said=(), corrected=(), actor="U1", time=None
    )
    Hooks(Broken()).complaint_corrected(event)

    assert "private words" not in "".join(capsys.readouterr())


def test_a_misspelt_hook_is_refused():
    class Misspelt:
        @hookimpl
        def routing_decidde(self, event): ...

    with pytest.raises(FailedPreconditionError, match="routing_decidde"):
        Hooks(Misspelt())
