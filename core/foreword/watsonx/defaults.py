"""The project and the space that calls go to."""

from __future__ import annotations

from foreword.client import Client
from foreword.errors import NotFoundError
from foreword.watsonx.names import resource_id


class Defaults:
    """Sets what IBM's client calls the default project and the default space.

    A project is a tenant here. A key speaks for one tenant, so that setting it changes nothing: it is checked.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.project_id: str | None = None
        self.space_id: str | None = None

    def default_project(self, project_id: str) -> str:
        """Makes sure that the key speaks for the tenant `project_id`.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: It speaks for another one.
        """
        own = resource_id(self._client.tenant)
        if resource_id(project_id) != own:
            raise NotFoundError(
                f"The project {project_id[:100]!r} does not exist for this key, which speaks for the tenant {own!r}. "
                f"Set project_id to {own!r}.",
                metadata={"resource": project_id[:100]},
            )
        self.project_id = own
        return "SUCCESS"

    def default_space(self, space_id: str) -> str:
        """Makes deployments go to that space instead of the space `default`.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: The tenant has no such space.
        """
        self.space_id = resource_id(self._client.get_space(space_id).name)
        return "SUCCESS"
