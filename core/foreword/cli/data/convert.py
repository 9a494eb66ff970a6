"""`foreword data convert`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.column_options import column_options
from foreword.cli.data.files import (
    INPUT,
    check_output,
    check_place,
    escape_formulas_option,
    file_chunks,
    warn_of_formulas,
)
from foreword.cli.option_names import in_options
from foreword.domain.counted import counted
from foreword.domain.report import Severity

if TYPE_CHECKING:
    from foreword.domain.dataset import Row

_BY_EXTENSION = {".jsonl": "rows", ".json": "rows", ".csv": "rows", ".parquet": "parquet", "": "hugging-face"}
SOURCE_FIELDS = ("source_file", "source_row")


@click.command()
@click.argument("source", metavar="IN", type=INPUT)
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "form",
    type=click.Choice(["label-studio", "hugging-face", "parquet"]),
    help="Form of OUT.  [default: by its extension: .jsonl, .json, .csv, .parquet, or none for a Hugging Face dataset]",
)
@click.option("--split", default="", help="Split of a dataset with several.  [default: train, or the only one]")
@click.option("--source-rows", is_flag=True, help="Keep the name of IN and the number of each row as columns.")
@click.option("--separator", default="", help="For Label Studio: text between several labels.  [default: one label]")
@column_options
@escape_formulas_option
@in_options
def convert(
    source: Path,
    target: Path,
    form: str | None,
    split: str,
    source_rows: bool,
    separator: str,
    input_column: str,
    output_column: str,
    escape_formulas: bool,
) -> None:
    """Write the rows of IN as OUT, in another form.

    IN is JSONL, JSON, CSV, Parquet, an export of Label Studio (JSON), or the folder of a Hugging Face dataset. All
    columns are kept. Rows that cannot be read are listed and left out; then the command exits with status 1.
    """
    from foreword.cli.data.reading import readable_rows
    from foreword.cli.render import err_console, out_console, print_findings
    from foreword.data.findings import FindingCollector

    if split and not source.is_dir():
        raise click.BadParameter(f"{source} is no folder of a dataset, and has no splits", param_hint="--split")
    form = form or _BY_EXTENSION.get(target.suffix.lower())
    if form is None:
        raise click.BadParameter(
            f"{target.name!r} must end in {', '.join(filter(None, _BY_EXTENSION))}, or in nothing for the folder of a "
            "Hugging Face dataset; or set --to",
            param_hint="OUT",
        )
    (check_output if form == "rows" else check_place)("OUT", target, source)
    if form == "hugging-face" and target.exists():
        raise click.BadParameter(f"{target} exists; name a new folder", param_hint="OUT")
    findings = FindingCollector()
    chunks = file_chunks(source, split=split, input_column=input_column, output_column=output_column)
    rows = readable_rows(chunks, findings, input_column=input_column, output_column=output_column)
    if source_rows:
        rows = (_with_source(row, source.name) for row in rows)
    count = _write(rows, target, form or "rows", separator, escape_formulas=escape_formulas)
    found, _ = findings.result()
    print_findings(err_console(), found)
    if not count:
        raise click.ClickException(f"No row of {source} could be read, so nothing was written.")
    out_console().print(f"Wrote {counted(count, 'row')} to {target}.")
    if any(item.severity is Severity.ERROR for item in found):
        raise click.exceptions.Exit(1)


def _write(rows: Iterable[Row], target: Path, form: str, separator: str, *, escape_formulas: bool) -> int:
    """Write rows that can be read only once, and return their number. Those of tables are read twice, from a disk."""
    from contextlib import closing

    from foreword.client.exchange.arrow_tables import write_dataset_folder, write_parquet
    from foreword.client.exchange.label_studio import write_tasks
    from foreword.data.columns import COLUMNS
    from foreword.data.exchange.row_writer import other_names, row_cells, whole_file, write_row_file
    from foreword.data.spool import RowSpool

    with closing(RowSpool(None)) as spool:
        for row in rows:
            spool.add(row)
        if not spool.row_count:
            return 0
        others = other_names(spool.rows())
        if form == "rows":
            written = write_row_file(target, spool.rows(), others, escape_formulas=escape_formulas)
            warn_of_formulas(target, written.formula_count)
            return written.row_count
        if form == "label-studio":
            with whole_file(target) as file:
                return write_tasks(file, _tasks(spool.rows(), separator))
        write = write_parquet if form == "parquet" else write_dataset_folder
        return write(target, (*COLUMNS, *others), (row_cells(row, others) for row in spool.rows()))


def _tasks(rows: Iterable[Row], separator: str) -> Iterator[tuple[str, Sequence[str], Mapping[str, Any]]]:
    from foreword.domain.labels.packing import split_output

    for row in rows:
        labels = split_output(row.output, separator) if separator else [row.output]
        yield row.input, labels, json.loads(row.fields) if row.fields else {}


def _with_source(row: Row, name: str) -> Row:
    """Return a row with the file and the row that it comes from, unless it has them from an earlier conversion."""
    from dataclasses import replace

    from foreword.data.other_fields import Number, other_fields

    fields = json.loads(row.fields, parse_int=Number, parse_float=Number) if row.fields else {}
    added = dict(zip(SOURCE_FIELDS, (name, row.number), strict=True))
    kept, _ = other_fields({**added, **fields})
    return replace(row, fields=kept)
