"""Redaction of the texts of a request before they are stored."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from foreword.domain.capture import Feedback, SeenRequest
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

    def feedback(self, given: Feedback, author: str, known_labels: Collection[str] = ()) -> Feedback:
        """Return feedback as it may be stored.

        Args:
            author: Id of the key, token or certificate that submits it.
            known_labels: Labels that the model has, which are kept.

        Raises:
            InternalError: A plugin failed, so the feedback must not be stored.
        """
        right = given.right
        if right is not None and right.labels is not None:
            labels = (label if label in known_labels else self.text(label) for label in right.labels)
            right = replace(right, labels=tuple(labels))
        if right is not None and right.output is not None:
            right = replace(right, output=self.text(right.output))
        return replace(given, right=right, comment=self.text(given.comment), author=author)

    def request(self, seen: SeenRequest) -> SeenRequest:
        """Return a request as it may be stored. Labels are kept: the model has them for all inputs.

        Raises:
            InternalError: A plugin failed, so the request must not be stored.
        """
        output = self.text(seen.output) if seen.labels is None else seen.output
        return replace(seen, input=self.text(seen.input), output=output)
