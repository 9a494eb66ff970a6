"""Storage of checked rows as a dataset."""

from __future__ import annotations

from foreword.data.checker import CheckedData
from foreword.domain.capture import CaptureProvenance
from foreword.domain.dataset import Dataset
from foreword.domain.tenant import Caller
from foreword.storage.artifacts.keys import new_dataset_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import rows_files
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.requests import RequestKey


class DatasetStore:
    """The writer of datasets. Its method blocks."""

    def __init__(self, *, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self._publisher = ArtifactPublisher(database=database, artifacts=artifacts)

    def store(
        self,
        caller: Caller,
        checked: CheckedData,
        *,
        display_name: str,
        description: str,
        request: RequestKey | None,
        reuse_identical: bool = False,
        unlabelled: bool = False,
        captured_from: CaptureProvenance | None = None,
    ) -> tuple[Dataset, bool]:
        """Store rows and their dataset, and return it and whether it is new.

        It is not new if the same request created it before, or if the request reuses an identical dataset.

        Args:
            request: Identifies the rows if it has been made before, unless these are captured requests.
            captured_from: Which captured requests the rows are; None for a file.
        """
        artifact = new_dataset_key(caller.tenant, checked.content_sha256)
        files, blocks_sha256 = rows_files(checked.file)
        with self._publisher.publish(caller.tenant, artifact, files):
            stored = DatasetRepository(self._database, caller.tenant).create(
                display_name=display_name,
                description=description,
                artifact=artifact,
                content_sha256=checked.content_sha256,
                blocks_sha256=blocks_sha256,
                row_count=checked.row_count,
                byte_size=checked.byte_size,
                report=checked.report,
                creator=caller.api_key,
                request=request,
                reuses_identical=reuse_identical,
                reader=caller.reads_only_of,
                unlabelled=unlabelled,
                captured_from=captured_from,
            )
            is_new = stored.artifact == artifact
            if not is_new and stored.blocks_sha256 == blocks_sha256:
                self._publisher.restore(stored.artifact, files)  # the rows may have been lost since
        return stored, is_new
