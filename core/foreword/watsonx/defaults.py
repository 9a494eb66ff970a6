"""The default project and the default space of a client."""

from __future__ import annotations

from foreword.client import Client
from foreword.errors import NotFoundError
from foreword.watsonx.names import resource_id


class Defaults:
    """The default project and the default space, named as in IBM's client.

    A project is a tenant. A key belongs to one tenant, so setting the project only checks it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.project_id: str | None = None
        self.space_id: str | None = None

    def default_project(self, project_id: str) -> str:
        """Check that the key belongs to the tenant `project_id`.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: The key belongs to another tenant.
        """
        own = resource_id(self._client.tenant)
        if resource_id(project_id) != own:
            raise NotFoundError(
                f"The project {project_id[:100]!r} does not exist for this key, which belongs to the tenant {own!r}. "
                f"Set project_id to {own!r}.",
                metadata={"resource": project_id[:100]},
            )
        self.project_id = own
        return "SUCCESS"

    def default_space(self, space_id: str) -> str:
        """Set the space for deployments, instead of the space `default`.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: The tenant has no such space.
        """
        self.space_id = resource_id(self._client.get_space(space_id).name)
        return "SUCCESS"
