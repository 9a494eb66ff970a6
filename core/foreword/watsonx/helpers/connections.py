"""References to training data."""

from __future__ import annotations

from typing import Any

from foreword.errors import InvalidArgumentError


class DataConnection:
    """Training data that was uploaded with `client.data_assets.create`.

    Args:
        data_asset_id: Id of the asset, as returned by `client.data_assets.get_id`.

    Raises:
        InvalidArgumentError: No asset is set, or the data is stored elsewhere.
    """

    def __init__(self, *, data_asset_id: str | None = None, **elsewhere: Any) -> None:
        given = sorted(name for name, value in elsewhere.items() if value is not None)
        if given or not data_asset_id:
            raise InvalidArgumentError.of(
                given[0] if given else "data_asset_id",
                "is not supported; upload the file with client.data_assets.create and pass its data_asset_id"
                if given
                else "is missing; pass the id from client.data_assets.get_id",
            )
        self.data_asset_id = data_asset_id

    def to_dict(self) -> dict[str, Any]:
        """Return the reference in the form used in the details of a run."""
        return {"type": "data_asset", "location": {"id": self.data_asset_id}}

    def __repr__(self) -> str:
        return f"DataConnection(data_asset_id={self.data_asset_id!r})"
