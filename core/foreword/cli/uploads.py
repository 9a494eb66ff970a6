"""Datasets that commands upload for runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.errors import ForewordError, InvalidRowsError, NotFoundError

if TYPE_CHECKING:
    from foreword.client import Client, Dataset

_CHECKED = ("base_model", "task", "task_options", "input_column", "output_column")
"""Arguments of a run that are options of an upload."""


class _Uploads:
    """The datasets that are uploaded for a run.

    Args:
        reuse_identical: Whether rows that are stored under the same name are not stored again.
        options: Options of `Client.upload_dataset` and `Client.check_dataset`.
    """

    def __init__(self, client: Client, *, reuse_identical: bool = False, **options: Any) -> None:
        self._client = client
        self._reuse_identical = reuse_identical
        self._options = options
        self._stored: list[Dataset] = []

    def add(self, file: Path | None, display_name: str = "", *, with_warnings: bool = True) -> Dataset:
        """Upload a file. If rows are faulty, print the report.

        Args:
            with_warnings: Whether to print the warnings about the rows.
        """
        from foreword.cli.render import err_console, print_findings, print_report

        assert file is not None
        try:
            with _left_out_rows_named():
                dataset = self._client.upload_dataset(
                    file, display_name=display_name, reuse_identical=self._reuse_identical, **self._options
                )
        except InvalidRowsError as error:
            with warnings.catch_warnings(record=True):  # they were shown
                report = self._client.check_dataset(file, **self._options)
            print_report(err_console(), report, parts=False)
            raise click.ClickException(
                f"{file} has faulty rows, so nothing was stored. Correct them and try again."
            ) from error
        self._stored.append(dataset)
        if with_warnings and dataset.report is not None:
            print_findings(err_console(), dataset.report.warnings)
        return dataset

    def delete(self) -> None:
        """Delete the datasets of a refused run, except those that were stored before. A queued run keeps its data."""
        for dataset in (item for item in self._stored if not item.reused):
            with suppress(ForewordError):
                self._client.delete_dataset(dataset)


@contextmanager
def _left_out_rows_named() -> Iterator[None]:
    """Print the warnings of the client about rows that an upload leaves out."""
    from foreword.client import RowsLeftOutWarning

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", RowsLeftOutWarning)
        try:
            yield
        finally:
            for item in found:
                click.echo(f"Warning: {item.message}", err=True)


def _file_or_dataset(client: Client, source: str, uploads: _Uploads, option: str, **options: Any) -> Dataset:
    """Return the dataset of a file, which is uploaded, or else the stored dataset with that id or display name.

    Args:
        option: The option or argument that names it, for the error.
        options: Options of the upload.
    """
    path = Path(source)
    if path.is_file():
        return uploads.add(path, **options)
    try:
        return client.get_dataset(source)
    except NotFoundError as error:
        raise click.BadParameter(
            f"there is no file {source!r}, and no stored dataset has that id or display name; list them with "
            "`foreword datasets list`",
            param_hint=option,
        ) from error


@contextmanager
def uploaded_rows(
    client: Client,
    file: Path | None,
    dataset: str | None,
    validation: str | None,
    arguments: Mapping[str, Any],
    *,
    display_name: str,
    is_dry_run: bool,
) -> Iterator[tuple[Dataset, Dataset | None]]:
    """Provide the dataset of a run and that of its held-out rows, which are uploaded if they are files.

    They are deleted again if the block raises an error, because the run was refused, or if nothing is to be run.

    Args:
        dataset: Id or display name of a stored dataset, instead of `file`.
        validation: A file, or id or display name of a stored dataset; None for a share of the rows.
        arguments: Arguments of the run, of which the checks need some, and the names of the columns of the files.
    """
    checked = {name: arguments[name] for name in _CHECKED}
    uploads = _Uploads(client, **checked)
    try:
        data = client.get_dataset(dataset) if dataset else uploads.add(file, display_name)
        # Warnings are about rows to train on, such as few rows of a label.
        yield (
            data,
            _file_or_dataset(client, validation, uploads, "--validation", with_warnings=False) if validation else None,
        )
    except (ForewordError, click.ClickException):
        uploads.delete()
        raise
    if is_dry_run:
        uploads.delete()


@contextmanager
def evaluated_rows(
    client: Client, rows: str, examples: str | None, *, display_name: str, **options: Any
) -> Iterator[tuple[Dataset, Dataset | None]]:
    """Provide the dataset of an evaluation and that of its examples, which are uploaded if they are files.

    They are deleted again if the block raises an error, because the evaluation was refused.

    Args:
        rows: A file, or id or display name of a stored dataset.
        examples: Likewise; None for the dataset of the first tuned model.
        options: Options of the uploads.
    """
    uploads = _Uploads(client, reuse_identical=True, **options)
    try:
        data = _file_or_dataset(
            client, rows, uploads, "FILE_OR_DATASET", display_name=display_name, with_warnings=False
        )
        # Warnings are about rows to train on.
        yield (
            data,
            _file_or_dataset(client, examples, uploads, "--examples", with_warnings=False) if examples else None,
        )
    except (ForewordError, click.ClickException):
        uploads.delete()
        raise


@contextmanager
def policy_rows(client: Client, rows: str | None) -> Iterator[Dataset | None]:
    """Provide the dataset of a policy, which is uploaded if it is a file, and deleted again if the policy is refused.

    Args:
        rows: A file, or id or display name of a stored dataset; None for none.
    """
    uploads = _Uploads(client, reuse_identical=True)
    try:
        # Warnings are about rows to train on.
        yield _file_or_dataset(client, rows, uploads, "--policy-dataset", with_warnings=False) if rows else None
    except (ForewordError, click.ClickException):
        uploads.delete()
        raise


@contextmanager
def unlabelled_rows(
    client: Client, rows: str, *, display_name: str, is_dry_run: bool, input_column: str
) -> Iterator[Dataset]:
    """Provide the dataset of a batch job, which is uploaded without outputs if it is a file.

    It is deleted again if the block raises an error, because the job was refused, or if nothing is to be answered.

    Args:
        rows: A file, or id or display name of a stored dataset.
    """
    uploads = _Uploads(client, reuse_identical=True, unlabelled=True, input_column=input_column)
    try:
        yield _file_or_dataset(client, rows, uploads, "FILE_OR_DATASET", display_name=display_name, with_warnings=False)
    except (ForewordError, click.ClickException):
        uploads.delete()
        raise
    if is_dry_run:
        uploads.delete()
