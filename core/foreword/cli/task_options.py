"""Options of commands that set the task of the data."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from foreword.domain.experiment import TaskOptions


def task_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--task` and the options of classification to a command, passed as `task` and `options`."""

    @click.option(
        "--task",
        default="",
        help="Task: classification, generation, summarization or a plugin's.  [default: chosen from the rows]",
    )
    @click.option("--labels", default="", help="Comma-separated labels, in the order of answers.")
    @click.option("--multi-label/--single-label", default=None, help="Allow several labels per answer, or only one.")
    @click.option("--separator", help="Text between labels.  [default: ', ']")
    @functools.wraps(function)
    def command(*arguments: Any, labels: str, multi_label: bool | None, separator: str | None, **values: Any) -> Any:
        names = tuple(label.strip() for label in labels.split(",") if label.strip())
        options = TaskOptions(labels=names, multi_label=multi_label, separator=separator)
        return function(*arguments, options=options, **values)

    return command
