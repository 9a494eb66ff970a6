"""Training data."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import Client, Dataset
from foreword.client.frames import frame
from foreword.watsonx.findings import tell
from foreword.watsonx.names import resource_id
from foreword.watsonx.times import written

if TYPE_CHECKING:
    from pandas import DataFrame


class DataAssets:
    """Uploads and finds training data: an asset is a version of a dataset, checked as it is uploaded."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, file_path: str | PathLike[str], description: str = "") -> dict[str, Any]:
        """Uploads a JSONL, JSON or CSV file with the columns `input` and `output`.

        Returns:
            Details of the asset; `get_id` reads its id.

        Raises:
            InvalidRowsError: Rows are faulty; names every one.
            InvalidArgumentError: The file cannot be read.
        """
        print("Creating data asset...")
        dataset = self._client.upload_dataset(file_path, display_name=name, description=description)
        print("SUCCESS")
        if dataset.report is not None:
            tell(f"Data asset {resource_id(dataset.name)}", dataset.report.warnings, stacklevel=2)
        return _details(dataset)

    @staticmethod
    def get_id(asset_details: Mapping[str, Any]) -> str:
        """The id in the details of an asset."""
        id: str = asset_details["metadata"]["asset_id"]
        return id

    def get_details(self, asset_id: str) -> dict[str, Any]:
        """Details of an asset.

        Raises:
            NotFoundError: There is none of that id.
        """
        return _details(self._client.get_dataset(asset_id))

    def list(self, limit: int | None = None) -> DataFrame:
        """The assets, newest first, as a frame of name, type, size in bytes and id."""
        datasets = self._client.list_datasets(limit=limit)
        return frame(
            ("NAME", "ASSET_TYPE", "SIZE", "ASSET_ID"),
            [(item.display_name, "data_asset", item.byte_size, resource_id(item.name)) for item in datasets],
        )

    def delete(self, asset_id: str) -> str:
        """Deletes an asset; runs that used it keep their results.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: There is none of that id.
            FailedPreconditionError: A run that has not ended needs it.
        """
        self._client.delete_dataset(asset_id)
        return "SUCCESS"


def _details(dataset: Dataset) -> dict[str, Any]:
    return {
        "metadata": {
            "asset_id": resource_id(dataset.name),
            "name": dataset.display_name,
            "description": dataset.description,
            "asset_type": "data_asset",
            "created_at": written(dataset.create_time),
            "size": dataset.byte_size,
            "version": dataset.version,
        },
        "entity": {"data_asset": {"row_count": dataset.row_count, "content_sha256": dataset.content_sha256}},
    }
