"""The corrections of a whole file, repeated until nothing is left to correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from foreword.data.fixes.change import DUPLICATE_ROWS, Change, ChangeLog
from foreword.data.fixes.labels import LabelFixes
from foreword.data.fixes.texts import text_fixes
from foreword.data.row_sample import RowSample
from foreword.data.spool import RowSpool
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.plugin.interfaces import Task

_MOST_ROUNDS: Final = 10
"""A correction can make another one possible, such as two rows equal. Three rounds are the most that was seen."""

_MOST_OUTPUTS: Final = 50_000
"""Number of distinct outputs beyond which a file has no labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixPlan:
    """What to correct, and how the outputs are read.

    Attributes:
        codes: Codes of corrections.
        task: Id of the task; empty to choose the one of `tasks` that suits the rows.
        options: Options of the task.
    """

    codes: Collection[str]
    task: str
    tasks: Mapping[str, Task]
    options: TaskOptions


@contextmanager
def fixed_rows(rows: Iterable[Row], plan: FixPlan, log: ChangeLog) -> Iterator[RowSpool]:
    """Correct rows. During the block, the result can be read; the rows keep their numbers.

    Memory holds the distinct outputs and about 200 bytes for each row. To correct the result again changes nothing.

    Args:
        log: Gets every change.
    """
    with ExitStack() as stack:
        spool = stack.enter_context(closing(RowSpool(None)))
        for row in rows:
            spool.add(row)
        for _ in range(_MOST_ROUNDS):
            labels = _label_fixes(spool, plan)
            following = stack.enter_context(closing(RowSpool(None)))
            before = log.counts.total()
            for row in _corrected(spool.rows(), labels, plan.codes, log):
                following.add(row)
            spool.close()
            spool = following
            if log.counts.total() == before:
                break
        yield spool


def _label_fixes(spool: RowSpool, plan: FixPlan) -> LabelFixes:
    """Return the corrections of outputs for the rows as they will be after the corrections of their texts."""
    sample, outputs = RowSample(), Counter[str]()
    for row in spool.rows():
        output = _text_after(row.output, plan.codes)
        sample.add(replace(row, output=output))
        if len(outputs) <= _MOST_OUTPUTS:
            outputs[output] += 1
    task = plan.tasks.get(plan.task)
    if task is None and spool.row_count:
        task = choose_task(sample, plan.tasks, plan.options).task
    if task is None or len(outputs) > _MOST_OUTPUTS:
        return LabelFixes(by_output={})
    return LabelFixes.of(outputs, task, plan.options, plan.codes)


def _text_after(text: str, codes: Collection[str]) -> str:
    """Return a text after its corrections."""
    return next((after for _, after in reversed([*text_fixes(text, codes)])), text)


def _corrected(rows: Iterable[Row], labels: LabelFixes, codes: Collection[str], log: ChangeLog) -> Iterator[Row]:
    """Yield the rows after one round of corrections."""
    first: dict[int, tuple[int, int]] = {}
    for row in rows:
        texts = {"input": row.input, "output": row.output}
        removed = False
        for column in texts:
            fixes = ((code, text) for code, text in text_fixes(texts[column], codes))
            for code, after in fixes:
                log.add(Change(row=row.number, column=column, before=texts[column], after=after, code=code))
                texts[column] = after
        for code, text in labels.by_output.get(texts["output"], ()):
            removed = text is None
            log.add(
                Change(
                    row=row.number,
                    column=None if removed else "output",
                    before=texts["input"] if removed else texts["output"],
                    after=text,
                    code=code,
                    remark=f"the output is {texts['output']!r}" if removed else "",
                )
            )
            texts["output"] = texts["output"] if text is None else text
        if removed:
            continue
        if DUPLICATE_ROWS in codes and texts["input"].strip():
            # Of hashes, a million rows take a tenth of the memory that their texts take.
            key = hash((texts["input"].strip(), texts["output"].strip()))
            number, fields = first.setdefault(key, (row.number, hash(row.fields)))
            if number != row.number:
                log.add(
                    Change(
                        row=row.number,
                        column=None,
                        before=texts["input"],
                        after=None,
                        code=DUPLICATE_ROWS,
                        remark=f"repeats row {number}"
                        + ("" if hash(row.fields) == fields else ", whose other columns differ"),
                    )
                )
                continue
        yield replace(row, input=texts["input"], output=texts["output"])
