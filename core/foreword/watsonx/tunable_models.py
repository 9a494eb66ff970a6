"""What can be tuned."""

from __future__ import annotations

import re
from enum import StrEnum

from foreword.client import BaseModel, Client
from foreword.watsonx.names import model_id


class TunableModels(StrEnum):
    """Base of the enumeration that `FoundationModels.PromptTunableModels` makes."""

    @classmethod
    def show(cls) -> None:
        """Prints the ids by name."""
        print({member.name: member.value for member in cls})


class FoundationModels:
    """The base models of the service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def PromptTunableModels(self) -> type[TunableModels]:
        """Base models that can be tuned, and the aliases by which the service knows them."""
        ids = {id for model in self._client.list_base_models() if model.tunable for id in _ids(model)}
        members = {re.sub(r"\W+", "_", id.rsplit("/", 1)[-1]).upper(): id for id in sorted(ids)}
        # mypy takes the functional form for a call of the members' constructor
        return TunableModels("PromptTunableModels", members)  # type: ignore[call-arg,return-value]


def _ids(model: BaseModel) -> set[str]:
    """The ids that look like one of a model hub; bare short names are for people."""
    return {model_id(model.name), *(model_id(f"baseModels/{alias}") for alias in model.aliases if "--" in alias)}
