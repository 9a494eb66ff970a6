"""What a job that is to be repeated needs: plugins and base models as they were when it was created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import BaseModelName
from foreword.plugin.manager import PluginManager
from foreword.plugin.register import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The needs of one resource.

    Attributes:
        name: Its resource name.
        noun: What it is called in sentences.
    """

    plugins: PluginManager
    name: str
    noun: str

    def base_model(self, id: str, revision: str) -> None:
        """Raise FailedPreconditionError unless a base model is installed, with the weights that it had.

        Args:
            revision: Revision of those weights; empty if an older version has not noted it.
        """
        base = str(BaseModelName(id))
        try:
            present = self.plugins.base_model(id).spec.revision
        except NotFoundError as error:
            raise FailedPreconditionError(
                f"{base}, which {self.name} needs, is not installed any more. Install its plugin, or create a new "
                f"{self.noun} with another base model.",
                reason="BASE_MODEL_CHANGED",
                metadata={"resource": base},
            ) from error
        if revision and revision != present:
            raise FailedPreconditionError(
                f"{base} has other weights now than when {self.name} was created, so it cannot be repeated. Create a "
                f"new {self.noun}, or install the former weights.",
                reason="BASE_MODEL_CHANGED",
                metadata={"resource": base},
            )

    def plugin(self, noun: str, id: str, installed: Register[Any]) -> None:
        """Raise FailedPreconditionError unless a plugin is installed.

        Args:
            noun: What the plugin is, such as `task`.
        """
        if installed.get(id) is None:
            raise FailedPreconditionError(
                f"The {noun} {id!r} of {self.name} is not installed any more. Install its plugin, or create a new "
                f"{self.noun} with another {noun}.",
                reason="PLUGIN_MISSING",
                metadata={"resource": self.name},
            )
