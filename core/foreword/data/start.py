"""Construction of a checker from the names of a task and a base model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foreword.data.checker import DatasetChecker
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.near_names import did_you_mean
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.manager import PluginManager


def start_checker(
    plugins: PluginManager,
    *,
    task: str,
    options: TaskOptions,
    format: str,
    base_model: str,
    max_input_tokens: int,
    max_bytes: int,
    counter: Callable[[BaseModel], Callable[[str], int]],
    folder: Path | None = None,
    unlabelled: bool = False,
    keep_others: bool = False,
    near_duplicates: bool | None = None,
    refuse_long_inputs: bool = False,
    against: Sequence[Row] = (),
    input_column: str = "",
    output_column: str = "",
) -> DatasetChecker:
    """Return a checker that runs the installed validators.

    Args:
        task: Id of the task; empty to choose the one that suits the rows.
        base_model: Name or alias of the base model whose tokenizer counts tokens; empty for none.
        max_input_tokens: Maximum length of an input, used with `base_model`; 0 means the model's context.
        counter: Returns a function that counts the tokens of an input for a base model.
        folder: Folder for the rows during the check; None for the folder of the operating system.
        unlabelled: Whether the rows have no outputs, so that no task is needed.
        keep_others: Whether the rows keep their other columns, as those without outputs do.
        near_duplicates: Whether to look for nearly equal inputs; None to do so if the file is small enough.
        refuse_long_inputs: Whether inputs longer than the limit are faults instead of warnings.
        against: Rows of another file that these rows should not repeat.
        input_column: Name of the column with the inputs; empty for `input` or a usual name.
        output_column: Name of the column with the outputs; empty for `output` or a usual name.

    Raises:
        InvalidArgumentError: The task is not installed, or a value is out of range.
        NotFoundError: The base model does not exist.
    """
    tasks = plugins.tasks.items
    if unlabelled and (task or options != TaskOptions()):
        field = "task" if task else "task_options"
        raise InvalidArgumentError.of(field, "must be unset for unlabelled rows, which have no outputs to check")
    if task and task not in tasks:
        installed = ", ".join(sorted(tasks)) or "none"
        fault = f"{task[:80]!r} is not installed (installed: {installed}){did_you_mean(task, tasks)}"
        raise InvalidArgumentError.of("task", fault)
    count_tokens: Callable[[str], int] | None = None
    longest: int | None = None
    if base_model:
        model = plugins.base_model(base_model)
        context = model.spec.context_tokens
        if not 0 <= max_input_tokens <= context:
            raise InvalidArgumentError.of(
                "max_input_tokens", f"must be in [1, {context}], the model's context, not {max_input_tokens}"
            )
        count_tokens = counter(model)
        longest = max_input_tokens or context
    return DatasetChecker(
        validators=tuple(plugins.row_validators),
        task=tasks[task] if task else None,
        tasks=tasks,
        options=options,
        format=format,
        count_tokens=count_tokens,
        max_input_tokens=longest,
        max_bytes=max_bytes,
        folder=folder,
        unlabelled=unlabelled,
        keep_others=keep_others,
        near_duplicates=near_duplicates,
        refuse_long_inputs=refuse_long_inputs,
        against=against,
        input_column=input_column,
        output_column=output_column,
    )
