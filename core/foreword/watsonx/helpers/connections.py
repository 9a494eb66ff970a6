"""Where training data is."""

from __future__ import annotations

from typing import Any

from foreword.errors import InvalidArgumentError


class DataConnection:
    """Training data that was uploaded with `client.data_assets.create`.

    Args:
        data_asset_id: What `client.data_assets.get_id` answers.

    Raises:
        InvalidArgumentError: No asset is named, or the data is somewhere else.
    """

    def __init__(self, *, data_asset_id: str | None = None, **elsewhere: Any) -> None:
        given = sorted(name for name, value in elsewhere.items() if value is not None)
        if given or not data_asset_id:
            raise InvalidArgumentError.of(
                given[0] if given else "data_asset_id",
                "is not supported; upload the file with client.data_assets.create and name its data_asset_id"
                if given
                else "is missing; take it from client.data_assets.get_id",
            )
        self.data_asset_id = data_asset_id

    def to_dict(self) -> dict[str, Any]:
        """As details write it."""
        return {"type": "data_asset", "location": {"id": self.data_asset_id}}

    def __repr__(self) -> str:
        return f"DataConnection(data_asset_id={self.data_asset_id!r})"
