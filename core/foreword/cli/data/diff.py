"""`foreword data diff`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.column_options import column_options
from foreword.cli.data.checked_file import CheckedFile, checked_file
from foreword.cli.data.files import INPUT, file_chunks
from foreword.cli.data.shown import shown
from foreword.cli.option_names import in_options
from foreword.cli.session import json_option
from foreword.cli.task_options import task_options
from foreword.domain.counted import counted
from foreword.domain.experiment import TaskOptions
from foreword.domain.label_shifts import LabelShift, label_shifts
from foreword.domain.report import excerpt

if TYPE_CHECKING:
    from foreword.data.row_difference import RowDifference

_MOST_SHOWN = 20


@click.command()
@click.argument("old", type=INPUT)
@click.argument("new", type=INPUT)
@column_options
@task_options
@json_option
@in_options
def diff(
    old: Path, new: Path, input_column: str, output_column: str, task: str, options: TaskOptions, as_json: bool
) -> None:
    """Compare two versions of a file of rows.

    Lists the rows of NEW with another output than in OLD for the same input, the rows that only one of the files
    has, and the label sets whose number of rows differs. The order of the rows makes no difference.
    """
    from foreword.data.row_difference import RowKeys, row_difference

    def checked(path: Path) -> AbstractContextManager[CheckedFile]:
        return checked_file(
            file_chunks(path, input_column=input_column, output_column=output_column),
            task=task,
            options=options,
            near_duplicates=False,
            input_column=input_column,
            output_column=output_column,
        )

    with checked(old) as before, checked(new) as after:
        before.check_comparable(old)
        after.check_comparable(new)
        found = row_difference(RowKeys.of(before.rows), RowKeys.of(after.rows))
        shifts = label_shifts(before.report, after.report)
        (_print_json if as_json else _print)(before, after, found, shifts)


def _changed(before: CheckedFile, after: CheckedFile, found: RowDifference) -> Iterator[dict[str, Any]]:
    for first, second in found.changed:
        one, other = before.rows[first], after.rows[second]
        yield {
            "old_row": one.number,
            "new_row": other.number,
            "input": other.input,
            "old_output": one.output,
            "new_output": other.output,
        }


def _rows(file: CheckedFile, places: Iterable[int]) -> Iterator[dict[str, Any]]:
    for row in (file.rows[place] for place in places):
        yield {"row": row.number, "input": row.input, "output": row.output}


def _print_json(
    before: CheckedFile, after: CheckedFile, found: RowDifference, shifts: tuple[LabelShift, ...] | None
) -> None:
    """Print the difference as one object, one row at a time: a difference can have a million rows."""
    from foreword.cli.render.console import plain

    counts = {
        "old_row_count": len(before.rows),
        "new_row_count": len(after.rows),
        "shared_row_count": found.overlap.shared,
        "changed_row_count": len(found.changed),
        "removed_row_count": len(found.removed),
        "added_row_count": len(found.added),
    }
    print("{")
    for name, count in counts.items():
        print(f'  "{name}": {count},')
    lists: Mapping[str, Iterable[Any]] = {
        "changed": _changed(before, after, found),
        "removed": _rows(before, found.removed),
        "added": _rows(after, found.added),
        "label_sets": map(plain, shifts or ()),
    }
    for place, (name, items) in enumerate(lists.items(), 1):
        before_item = ""
        print(f'  "{name}": [', end="")
        for item in items:
            print(f"{before_item}\n    {json.dumps(item, ensure_ascii=False)}", end="")
            before_item = ","
        print("\n  ]" if before_item else "]", end=",\n" if place < len(lists) else "\n")
    print("}")


def _print(
    before: CheckedFile, after: CheckedFile, found: RowDifference, shifts: tuple[LabelShift, ...] | None
) -> None:
    from foreword.cli.render import out_console, print_table

    console = out_console()
    console.print(
        f"{counted(len(before.rows), 'row')} before, {len(after.rows):,} after: {found.overlap.shared:,} in both, "
        f"{len(found.changed):,} with another output, {len(found.removed):,} removed, {len(found.added):,} added"
    )
    for title, count, columns, items in (
        (
            "The same input with another output",
            len(found.changed),
            ("old_row", "new_row", "input", "old_output", "new_output"),
            _changed(before, after, found),
        ),
        ("Removed", len(found.removed), ("row", "input", "output"), _rows(before, found.removed)),
        ("Added", len(found.added), ("row", "input", "output"), _rows(after, found.added)),
    ):
        if not count:
            continue
        console.print(f"\n{title}")
        cells = (_cells(item, columns) for item in islice(items, _MOST_SHOWN))
        numbers = [column.replace("_", " ") for column in columns if column.endswith("row")]
        print_table(console, [column.replace("_", " ") for column in columns], cells, right=numbers)
        _print_rest(count)
    if shifts:
        console.print("\nLabels whose number of rows differs")
        print_table(
            console,
            ["labels", "before", "share", "after", "share", "shift"],
            (
                (
                    item.labels,
                    f"{item.before:,}",
                    f"{item.before_share:.1%}",
                    f"{item.after:,}",
                    f"{item.after_share:.1%}",
                    item.points,
                )
                for item in shifts[:_MOST_SHOWN]
            ),
            right=["before", "share", "after", "shift"],
        )
        _print_rest(len(shifts))


def _cells(item: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    cells = [excerpt(str(item[column])) for column in columns]
    if len(set(cells[-2:])) < len({item[column] for column in columns[-2:]}):  # outputs that only look alike
        cells[-2:] = [shown(item[column]) for column in columns[-2:]]
    return cells


def _print_rest(count: int) -> None:
    from foreword.cli.render import out_console

    if count > _MOST_SHOWN:
        out_console().print(f"and {count - _MOST_SHOWN:,} more; --json lists all")
