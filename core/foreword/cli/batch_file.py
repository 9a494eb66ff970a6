"""The file beside an output of `foreword batch` that names the job which the output waits for."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.errors import DeadlineExceededError, ForewordError, NotFoundError, UnavailableError
from foreword.private_files import open_private

if TYPE_CHECKING:
    from foreword.client import BatchJob, Client


class BatchFile:
    """The job that an output waits for, as a file beside it.

    It is written before the job is created, with the request id. If the command is killed in between, the next one
    sends the same request again, so that the service returns the same job.

    Args:
        request: What the job is asked for.
    """

    def __init__(self, output: Path, request: Mapping[str, str]) -> None:
        self._output = output
        self._path = output.with_name(f"{output.name}.job")
        self._request = request
        self._request_id = ""

    def find(self, client: Client) -> BatchJob | None:
        """Return the job that an interrupted command has begun; None if there is none, or it may not have been created.

        Raises:
            ClickException: It was begun for another request, or the file is damaged.
        """
        if not self._path.exists():
            return None
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            name, request, request_id = kept["batch_job"], kept["request"], kept.get("request_id", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise click.ClickException(f"{self._path} is damaged. Delete it, and run the command again.") from error
        if request != self._request:
            begun = f"belongs to {name}, which was begun" if name else "was written for a job"
            answers = (
                f"Write its answers with `foreword batches download {name.rsplit('/', 1)[-1]} --output FILE`, or delete"
                if name
                else "Delete"
            )
            raise click.ClickException(
                f"{self._path} {begun} with other rows or options. {answers} {self._path} to begin anew."
            )
        if not name:
            self._request_id = request_id
            return None
        with suppress(NotFoundError):  # it was deleted meanwhile
            return client.get_batch_job(name)
        return None

    @contextmanager
    def beginning(self) -> Iterator[str]:
        """Provide the request id for the creation of the job in the block, and forget it if the job is refused.

        Raises:
            UsageError: There cannot be files beside the output.
        """
        self._request_id = self._request_id or uuid.uuid4().hex
        try:
            self._write("")
        except OSError as error:
            raise click.UsageError(
                f"--output {self._output} cannot be written: {error.strerror}. Nothing was queued. Choose another file."
            ) from error
        try:
            yield self._request_id
        except (UnavailableError, DeadlineExceededError):  # the job may have been created
            raise
        except (ForewordError, click.ClickException):
            self.drop()
            raise

    def keep(self, job: BatchJob) -> None:
        """Store the name of the job that was created."""
        self._write(job.name)

    def drop(self) -> None:
        """Forget a job that has ended."""
        self._path.unlink(missing_ok=True)

    def _write(self, name: str) -> None:
        """Replace the file, so that a kill leaves either content."""
        document = {"batch_job": name, "request_id": self._request_id, "request": dict(self._request)}
        new = self._path.with_name(f"{self._path.name}.new")
        with open_private(new, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
