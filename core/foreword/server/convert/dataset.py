"""Conversion of datasets, rows and upload headers."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.capture import CaptureProvenance
from foreword.domain.dataset import Dataset, Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.violations import Violations
from foreword.names import DatasetName, TenantName
from foreword.server.convert.parameters import parse_task_options
from foreword.server.convert.report import data_report
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import dataset_pb2, dataset_service_pb2

FORMATS = ("jsonl", "json", "csv")


def dataset(item: Dataset) -> dataset_pb2.Dataset:
    """Convert a dataset to a message."""
    return dataset_pb2.Dataset(
        name=str(DatasetName(item.tenant, item.id)),
        display_name=item.display_name,
        description=item.description,
        version=item.version,
        content_sha256=item.content_sha256,
        row_count=item.row_count,
        byte_size=item.byte_size,
        report=None if item.report is None else data_report(item.report),
        creator=item.creator,
        create_time=timestamp(item.create_time),
        unlabelled=item.unlabelled,
        captured_from=None if item.captured_from is None else _provenance(item.captured_from),
    )


def _provenance(item: CaptureProvenance) -> dataset_pb2.CaptureProvenance:
    return dataset_pb2.CaptureProvenance(
        deployment=item.deployment,
        filter=item.filter,
        request_count=item.request_count,
        unanswered_count=item.unanswered_count,
        repeated_count=item.repeated_count,
        revisions=item.revisions,
        first_time=timestamp(item.first_time),
        last_time=timestamp(item.last_time),
    )


def dataset_row(row: Row) -> dataset_pb2.DatasetRow:
    """Convert a row to a message."""
    return dataset_pb2.DatasetRow(row=row.number, input=row.input, output=row.output, fields_json=row.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A parsed upload header, before any names are looked up.

    Attributes:
        tenant: Id of the tenant; None if the header names no parent.
        task: Id of the task; empty to choose one that suits the content.
        base_model: Name or alias; empty to measure lengths in characters.
        max_input_tokens: 0 for the model's context.
        near_duplicates: None to let the size of the file decide.
        reuse_identical: Whether a stored dataset with the same name and rows takes the place of a new version.
    """

    tenant: str | None
    display_name: str
    description: str
    format: str
    task: str
    task_options: TaskOptions
    base_model: str
    max_input_tokens: int
    reuse_identical: bool
    unlabelled: bool
    near_duplicates: bool | None = None
    refuse_long_inputs: bool = False
    input_column: str = ""
    output_column: str = ""


def parse_header(header: dataset_service_pb2.DatasetHeader, *, named: bool) -> Header:
    """Parse the header of an upload or a check.

    Args:
        named: Whether `display_name` is required.
    """
    violations = Violations()
    parent = violations.collect(lambda: TenantName.parse(header.parent, "header.parent")) if header.parent else None
    name = violations.name("header.display_name", header.display_name, MAX_DISPLAY_NAME, required=named)
    description = violations.text("header.description", header.description, MAX_DESCRIPTION)
    if header.format:
        violations.choice("header.format", header.format, FORMATS)
    options = parse_task_options(violations, "header.task_options", header.task_options)
    limit = violations.number("header.max_input_tokens", header.max_input_tokens, minimum=0)
    if limit and not header.base_model:
        violations.add("header.max_input_tokens", "needs base_model, whose tokenizer measures lengths; set it")
    if header.refuse_long_inputs and not header.base_model:
        violations.add("header.refuse_long_inputs", "needs base_model, whose tokenizer measures lengths; set it")
    violations.check()
    return Header(
        tenant=None if parent is None else parent.tenant,
        display_name=name,
        description=description,
        format=header.format,
        task=header.task,
        task_options=options,
        base_model=header.base_model,
        max_input_tokens=limit,
        reuse_identical=header.reuse_identical,
        unlabelled=header.unlabelled,
        near_duplicates=header.near_duplicates if header.HasField("near_duplicates") else None,
        refuse_long_inputs=header.refuse_long_inputs,
        input_column=header.input_column,
        output_column=header.output_column,
    )
