"""Upload and management of training data."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import Client, Dataset
from foreword.client.frames import frame
from foreword.watsonx.findings import report_findings
from foreword.watsonx.names import resource_id
from foreword.watsonx.times import written

if TYPE_CHECKING:
    from pandas import DataFrame


class DataAssets:
    """Data assets. An asset is a version of a dataset, which is checked during the upload."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, file_path: str | PathLike[str], description: str = "") -> dict[str, Any]:
        """Upload a JSONL, JSON or CSV file with the columns `input` and `output`.

        Returns:
            The details of the asset; `get_id` returns its id.

        Raises:
            InvalidRowsError: Rows are faulty. The error names all of them.
            InvalidArgumentError: The file cannot be read.
        """
        print("Creating data asset...")
        dataset = self._client.upload_dataset(file_path, display_name=name, description=description)
        print("SUCCESS")
        if dataset.report is not None:
            report_findings(f"Data asset {resource_id(dataset.name)}", dataset.report.warnings, stacklevel=2)
        return _details(dataset)

    @staticmethod
    def get_id(asset_details: Mapping[str, Any]) -> str:
        """Return the id from the details of an asset."""
        id: str = asset_details["metadata"]["asset_id"]
        return id

    def get_details(self, asset_id: str) -> dict[str, Any]:
        """Return the details of an asset.

        Raises:
            NotFoundError: The asset does not exist.
        """
        return _details(self._client.get_dataset(asset_id))

    def list(self, limit: int | None = None) -> DataFrame:
        """Return the assets, newest first, as a frame of name, type, size in bytes and id."""
        datasets = self._client.list_datasets(limit=limit)
        return frame(
            ("NAME", "ASSET_TYPE", "SIZE", "ASSET_ID"),
            [(item.display_name, "data_asset", item.byte_size, resource_id(item.name)) for item in datasets],
        )

    def delete(self, asset_id: str) -> str:
        """Delete an asset. Runs that used it keep their results.

        Returns:
            'SUCCESS'

        Raises:
            NotFoundError: The asset does not exist.
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
