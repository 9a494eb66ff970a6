"""Options of commands that say what the data is for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from foreword.domain.experiment import TaskOptions


def task_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `--task`, and what classification takes; passed as `task` and `options`."""

    @click.option(
        "--task",
        default="",
        help="classification, generation, summarization, or what plugins add.  [default: chosen from the rows]",
    )
    @click.option("--labels", default="", help="The labels, in the order answers list them, separated by commas.")
    @click.option("--multi-label/--single-label", default=None, help="Whether an answer may hold several labels.")
    @click.option("--separator", help="What stands between labels.  [default: ', ']")
    @functools.wraps(function)
    def command(*arguments: Any, labels: str, multi_label: bool | None, separator: str | None, **values: Any) -> Any:
        names = tuple(label.strip() for label in labels.split(",") if label.strip())
        options = TaskOptions(labels=names, multi_label=multi_label, separator=separator)
        return function(*arguments, options=options, **values)

    return command
