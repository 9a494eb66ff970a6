"""Redaction of the texts of a request before they are stored."""

from __future__ import annotations

from dataclasses import replace

from foreword.domain.capture import SeenRequest
from foreword.personal_data import redact_personal_data
from foreword.plugin.manager import PluginManager
from foreword.redaction import redact_prose


class Redactor:
    """The removal of secrets, of personal data, and of what plugins remove."""

    def __init__(self, plugins: PluginManager) -> None:
        self._plugins = plugins

    def text(self, text: str) -> str:
        """Return a text as it may be stored.

        Raises:
            InternalError: A plugin failed, so the text must not be stored.
        """
        cleaned = redact_personal_data(redact_prose(text.replace("\x00", "\N{REPLACEMENT CHARACTER}")))
        return self._plugins.redact_captured(cleaned)

    def request(self, seen: SeenRequest) -> SeenRequest:
        """Return a request as it may be stored. Labels are kept: the model has them for all inputs.

        Raises:
            InternalError: A plugin failed, so the request must not be stored.
        """
        output = self.text(seen.output) if seen.labels is None else seen.output
        return replace(seen, input=self.text(seen.input), output=output)
