"""Rows that look mislabelled: their answer does not fit what the other rows, or the tuned model, would answer.

A tuned model learns wrong answers by heart. On 200 complaints of which 10 had got the answer of another row, 2 of the
10 were among the 20 rows of largest loss under the tuned model. A ridge regression on the base model's sentence vectors
that leaves out the row in question has 6.2 of them among its first 20 (mean of 12 choices of rows;
`tests/benchmarks/mislabelled.py`), so the rows of a closed task are ranked by that. Free text has no such regression.

Shapes: N rows, L labels, C candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import torch

from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.domain.suspect_rows import MAX_SUSPECT_ROWS, SuspectRow, SuspectRows
from foreword.evaluation.compare import answers
from foreword.evaluation.perplexity import answer_nats
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import EncodedRow, LabelSpace, Task
from foreword.plugin.pooling import pooled_states
from foreword.plugin.regression import left_out_predictions
from foreword.tuning.batches import encode_rows
from foreword.tuning.measuring import MOST_EXAMINED

if TYPE_CHECKING:
    from torch import Tensor

_MOST_ANSWERED: Final = 2 * MAX_SUSPECT_ROWS
"""Number of rows that the tuned model answers; some losses are large although its answer is that of the row."""

Check = Callable[[], None]
"""Called periodically; raises an error to stop."""
_Suspicion = tuple[int, float, str]
"""The place of a row, the loss of its answer, and the answer that was expected instead."""


def find_suspect_rows(
    *,
    runner: ModelRunner,
    task: Task,
    plan: TunePlan,
    verbalizer: str,
    datasets: Mapping[str, Sequence[Row]],
    contributions: Sequence[Contribution],
    check: Check = lambda: None,
    most_examined: int = MOST_EXAMINED,
) -> SuspectRows:
    """Return the rows of a run that look mislabelled, the largest loss first.

    Args:
        datasets: The rows of each dataset of the run, by its id.
        contributions: The tuned contributions.
        check: Called periodically; raises an error to stop.
        most_examined: Maximum number of rows to examine; more rows than that are sampled.
    """
    rows = [(dataset, row) for dataset, content in datasets.items() for row in content]
    chosen = _spread(rows, most_examined)
    contents = [row for _, row in chosen]
    encoded = encode_rows(contents, model=runner.model, task=task, plan=plan, verbalizer=verbalizer, check=check)
    targets = [task.target(row.output, plan.schema) for row in contents]
    space = task.label_space(plan.schema)
    if space is not None:
        found = _left_out(runner, encoded, targets, space, check)
    else:
        losses = [
            nats / len(row.target_ids)
            for nats, row in zip(answer_nats(runner.model, encoded, contributions, check=check), encoded, strict=True)
        ]
        largest = _largest(losses, _MOST_ANSWERED)
        given = answers(
            runner=runner,
            task=task,
            schema=plan.schema,
            verbalizer=verbalizer,
            rows=[contents[place] for place in largest],
            contributions=contributions,
            parameters=plan.parameters,
            check=check,
        )
        found = ((place, losses[place], answer) for place, answer in zip(largest, given, strict=True))
    suspects = [
        SuspectRow(
            dataset=chosen[place][0],
            row=contents[place].number,
            loss=loss,
            input=contents[place].input,
            output=contents[place].output,
            prediction=answer,
        )
        for place, loss, answer in found
        if answer.strip() != targets[place].strip()
    ]
    return SuspectRows(rows=tuple(suspects[:MAX_SUSPECT_ROWS]), examined_row_count=len(chosen), row_count=len(rows))


def _left_out(
    runner: ModelRunner, encoded: Sequence[EncodedRow], targets: Sequence[str], space: LabelSpace, check: Check
) -> Iterator[_Suspicion]:
    """Yield all rows, the largest loss first, with the answer that is nearest to what the other rows predict.

    The loss is the squared distance between the labels of the row and the predicted ones.
    """
    pooled_ND = pooled_states(runner.model, [row.input_ids for row in encoded], check=check)
    label_sets, known = [_parts(target, space) for target in targets], set(space.labels)
    targets_NL = _indicators(label_sets, space).to(pooled_ND.device)
    predicted_NL = left_out_predictions(pooled_ND, targets_NL)
    # A label that only a validation row has is one that nothing predicts.
    unknown = [sum(label not in known for label in labels) for labels in label_sets]
    squares = (targets_NL - predicted_NL).square().sum(dim=1).tolist()
    losses = [square + count for square, count in zip(squares, unknown, strict=True)]
    candidates = list(dict.fromkeys([*space.label_sets, *((label,) for label in space.labels)]))
    candidates_CL = _indicators(candidates, space).to(pooled_ND.device)
    for place in _largest(losses, len(losses)):
        nearest = int((candidates_CL - predicted_NL[place]).square().sum(dim=1).argmin())
        yield place, losses[place], space.text(candidates[nearest])


def _parts(target: str, space: LabelSpace) -> Sequence[str]:
    return target.split(space.separator) if space.multi_label and target not in space.labels else (target,)


def _indicators(label_sets: Sequence[Sequence[str]], space: LabelSpace) -> Tensor:
    """Return 1 for the labels of each set and 0 for the others; unknown labels have no column.

    Shape:
        Returns `[N, L]` or `[C, L]`, float32.
    """
    columns = {label: column for column, label in enumerate(space.labels)}
    indicators_NL = torch.zeros(len(label_sets), len(columns))
    for place, labels in enumerate(label_sets):
        for label in labels:
            if label in columns:
                indicators_NL[place, columns[label]] = 1
    return indicators_NL


def _largest(losses: Sequence[float], most: int) -> list[int]:
    return sorted(range(len(losses)), key=lambda place: -losses[place])[:most]


def _spread(rows: Sequence[tuple[str, Row]], most: int) -> Sequence[tuple[str, Row]]:
    """Return all rows, or as many spread evenly over them."""
    if len(rows) <= most:
        return rows
    return [rows[(2 * tick + 1) * len(rows) // (2 * most)] for tick in range(most)]
