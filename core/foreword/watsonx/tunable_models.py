"""The base models that can be tuned."""

from __future__ import annotations

import re
from enum import StrEnum

from foreword.client import BaseModel, Client
from foreword.watsonx.names import model_id


class TunableModels(StrEnum):
    """The base of the enumeration that `FoundationModels.PromptTunableModels` creates."""

    @classmethod
    def show(cls) -> None:
        """Print the ids by name."""
        print({member.name: member.value for member in cls})


class FoundationModels:
    """The base models of the service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def PromptTunableModels(self) -> type[TunableModels]:
        """The base models that can be tuned, including their aliases on the service."""
        ids = {id for model in self._client.list_base_models() if model.tunable for id in _ids(model)}
        members = {re.sub(r"\W+", "_", id.rsplit("/", 1)[-1]).upper(): id for id in sorted(ids)}
        # mypy mistakes the functional form for a call to the members' constructor
        return TunableModels("PromptTunableModels", members)  # type: ignore[call-arg,return-value]


def _ids(model: BaseModel) -> set[str]:
    """Return the ids that have the form of a model hub's; short aliases are left out."""
    return {model_id(model.name), *(model_id(f"baseModels/{alias}") for alias in model.aliases if "--" in alias)}
