"""One pass through the base model, forward and backward, with rows of several runs.

Legend: B rows of the pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from foreword.network.answer_loss import AnswerLoss
from foreword.network.pass_budget import PassBudget
from foreword.plugin.interfaces import EncodedRow, LoadedModel
from foreword.tuning.company.pass_cut import RowSize, cut_passes, pass_size
from foreword.tuning.runs.run import TuningRun
from foreword.tuning.work_time import work_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    """A row of a run.

    Attributes:
        num_answer_tokens: Answer tokens of the run's whole update, by which the sum of its losses is divided.
    """

    run: TuningRun
    row: EncodedRow
    num_answer_tokens: int

    @property
    def num_tokens(self) -> int:
        """The tokens of the row, with the virtual tokens in front of it."""
        return self.row.length + self.run.context_tokens


class MixedPass:
    """A pass with rows of several runs, whose results go to each run. It isolates the run that makes a pass fail.

    A pass that raises an error is repeated in halves until the run at fault is alone. If a run alone lacks memory, its
    rows are halved as well, and later passes are no larger than what was left. What a failed pass has computed is never
    used.

    Args:
        model: The base model of all runs.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._loss = AnswerLoss(model)
        self._budget = PassBudget(model)
        self._device = model.module.device
        self._clock = work_clock(str(self._device))
        self._shares_prompts = model.spec.is_causal
        self._most_tokens: int | None = None

    def __call__(self, rows: Sequence[PassRow]) -> dict[TuningRun, Exception]:
        """Pass rows through the model and add losses and gradients to their runs.

        Returns:
            The runs for which it failed, with the errors.
        """
        faults: dict[TuningRun, Exception] = {}
        waiting = self._fitting(rows)
        while waiting:
            part = [row for row in waiting.pop() if row.run not in faults]
            error = self._attempt(part) if part else None
            if error is None:
                continue
            if _lacks_memory(error):
                self._most_tokens = pass_size(self.sizes(part)) // 2
            halves = _halves(part, by_row=_lacks_memory(error))
            if halves:
                waiting += halves
            else:
                faults[part[0].run] = error
        return faults

    def sizes(self, rows: Sequence[PassRow]) -> list[RowSize]:
        """Return the sizes of rows in a pass. Rows of causal models share the prompt of their run."""
        if not self._shares_prompts:
            return [RowSize(length=row.num_tokens) for row in rows]
        numbers = {run: number for number, run in enumerate(dict.fromkeys(row.run for row in rows))}
        return [RowSize(length=row.row.length, run=numbers[row.run], shared=row.run.context_tokens) for row in rows]

    def _fitting(self, rows: Sequence[PassRow]) -> list[Sequence[PassRow]]:
        """Return the rows in parts for which there is enough memory, as estimated and as known from earlier passes.

        The parts keep the order of the rows, so that a run alone makes the passes that it planned. Only after a pass
        lacked memory are they sorted by length: the passes are not the planned ones then in any case, and a lack shows
        at once.
        """
        most = self._most_tokens
        if most is None or pass_size(self.sizes(rows)) <= most:
            return self._within_budget(rows)
        cut = cut_passes(self.sizes(rows), overhead=most, most=most)
        return [part for places in cut for part in self._within_budget([rows[place] for place in places])]

    def _within_budget(self, rows: Sequence[PassRow]) -> list[Sequence[PassRow]]:
        """Divide rows into parts whose activations should fit into memory."""
        places = {run: place for place, run in enumerate(dict.fromkeys(row.run for row in rows))}
        parts = self._budget.parts(
            [row.row for row in rows],
            [run.adapter_size for run in places],
            [places[row.run] for row in rows],
            with_gradients=True,
        )
        return [rows[part] for part in parts]

    def _attempt(self, rows: Sequence[PassRow]) -> Exception | None:
        """Make one pass and add its results to the runs. If it raises an error, return that and add nothing."""
        started = self._clock()
        runs = list(dict.fromkeys(row.run for row in rows))
        places = {run: place for place, run in enumerate(runs)}
        tensors = [run.tensors for run in runs]
        try:
            nats_B = self._loss.nats(
                [row.row for row in rows],
                [run.contributions() for run in runs],
                [places[row.run] for row in rows],
            )
            # Every run gets the gradient of its own mean loss: the other terms do not depend on its tensors.
            weights_B = torch.tensor([1 / row.num_answer_tokens for row in rows], device=self._device)
            gradients = torch.autograd.grad(
                (nats_B * weights_B).sum(), [tensor for part in tensors for tensor in part], allow_unused=True
            )
            nats = nats_B.tolist()
        except Exception as error:  # the root of a pass: its error must end only the run at fault
            # The traceback of a failed allocation keeps alive what took up the memory.
            return error.with_traceback(None) if _lacks_memory(error) else error
        seconds_per_token = (self._clock() - started) / sum(row.num_tokens for row in rows)
        following = iter(gradients)
        for run, own in zip(runs, tensors, strict=True):
            run.add(
                sum(value for value, row in zip(nats, rows, strict=True) if row.run is run),
                [next(following) for _ in own],
                seconds_per_token * sum(row.num_tokens for row in rows if row.run is run),
            )
        return None


def _lacks_memory(error: Exception) -> bool:
    """Return whether memory could not be allocated. On CPUs, torch has no class of its own for that."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


def _halves(rows: Sequence[PassRow], *, by_row: bool) -> list[Sequence[PassRow]]:
    """Return two halves of a pass, by runs if there are several; none if it cannot be divided.

    Args:
        by_row: Whether the rows of one run may be divided as well.
    """
    runs = list(dict.fromkeys(row.run for row in rows))
    if len(runs) > 1:
        first = set(runs[: len(runs) // 2])
        return [[row for row in rows if (row.run in first) is within] for within in (True, False)]
    middle = len(rows) // 2
    return [rows[:middle], rows[middle:]] if by_row and middle else []
