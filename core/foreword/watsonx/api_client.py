"""The client, named as in IBM's SDK."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from foreword.client import Client
from foreword.watsonx.credentials import Credentials, check_verify
from foreword.watsonx.data_assets import DataAssets
from foreword.watsonx.defaults import Defaults
from foreword.watsonx.deployments import Deployments
from foreword.watsonx.tunable_models import FoundationModels


class APIClient:
    """A connection to a Foreword service with the parts of IBM's client that tuning needs.

    Args:
        credentials: `Credentials`, or a dict of url and apikey.
        project_id: The tenant; see `set.default_project`.
        space_id: The space for deployments; see `set.default_space`.
        verify: Path of the certificates to trust. Default: that of the credentials.

    Attributes:
        foreword: The underlying typed client, for everything that IBM's interface does not cover.

    Raises:
        InvalidArgumentError: The credentials are malformed.
        NotFoundError: The key does not belong to that tenant, or the tenant has no such space.
    """

    def __init__(
        self,
        credentials: Credentials | Mapping[str, Any],
        project_id: str | None = None,
        space_id: str | None = None,
        verify: bool | str | None = None,
    ) -> None:
        check_verify(verify)
        self.credentials = Credentials.of(credentials)
        trusted = self.credentials.verify if verify is None else verify
        self.foreword = Client(
            self.credentials.url, self.credentials.api_key, tls=trusted if isinstance(trusted, str) else None
        )
        self.set = Defaults(self.foreword)
        self.data_assets = DataAssets(self.foreword)
        self.deployments = Deployments(self.foreword, self.set)
        self.foundation_models = FoundationModels(self.foreword)
        if project_id is not None:
            self.set.default_project(project_id)
        if space_id is not None:
            self.set.default_space(space_id)

    @property
    def default_project_id(self) -> str | None:
        """The project set with `set.default_project`."""
        return self.set.project_id

    @property
    def default_space_id(self) -> str | None:
        """The space set with `set.default_space`."""
        return self.set.space_id

    def close(self) -> None:
        """End all calls and close the connection."""
        self.foreword.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
