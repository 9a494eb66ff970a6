"""Several runs on one base model, trained in common passes.

company = CoTuner(model)
company.add(run, tenant="acme")
while company.runs:
outcome = company.step()
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foreword.plugin.interfaces import LoadedModel
from foreword.tuning.company.mixed_pass import MixedPass, PassRow
from foreword.tuning.company.pass_cut import cut_passes, pass_size
from foreword.tuning.company.pass_schedule import Part, PassSchedule
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.run import TuningRun

_CPU_PASS_TOKENS: Final = 2048
_PASS_TOKENS: Final = 8192
"""Tokens up to which passes are filled, on CPUs and other devices. With the embedded model on one core, a row of 72
tokens takes 67, 57, 56 and 52 ms in a pass of 2, 4, 16 and 32 rows in float32; 45, 35, 27 and 26 ms in bfloat16."""

_OVERHEAD_TOKENS: Final = 160
"""Cost of a pass besides its rows: the time of one to two rows in the same measurement, and more on several cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What one step of a company has achieved.

    Attributes:
        reports: One report for each update. That of an epoch's last update comes when the epoch has ended, with the
            held-out results.
        failures: Runs that cannot go on, with the reason. They have left the company.
    """

    reports: Sequence[tuple[TuningRun, StepReport]] = ()
    failures: Sequence[tuple[TuningRun, Exception]] = ()


@dataclass(slots=True, eq=False, kw_only=True)
class _Member:
    """A run in the company.

    Attributes:
        passes: The rows of its update, as it would pass them alone. Empty if the end of an epoch is due.
        num_planned: Number of its passes that are planned or made.
        num_waiting: Number of rows that no pass has had yet.
    """

    run: TuningRun
    tenant: str
    passes: Sequence[Sequence[PassRow]] = ()
    num_planned: int = 0
    num_waiting: int = 0


class CoTuner:
    """The runs of one base model, trained together. They join and leave between steps.

    A pass goes forward and backward with rows of several runs, and is followed by the updates of the runs whose rows
    are complete. Loss, gradients and optimiser are each run's own, so that a run ends where it would have ended alone,
    up to the rounding of sums in another order. A run without company makes exactly the passes that it always makes
    alone.

    A run whose epoch is over rests until `end_epoch` was called on it and it was told to `resume`. `step` does both at
    once. A worker takes its time for the first, and lets the others make passes meanwhile.

    A run that raises an error leaves the company, and the others go on as if it had not been there (`MixedPass`). Not
    thread-safe: one thread owns the base model.

    Args:
        model: The base model of all runs.
        pass_tokens: Tokens up to which a pass is filled with rows of several runs, virtual tokens included. Default:
            the size from which larger passes are hardly faster on the device.

    Raises:
        FailedPreconditionError: The model computes its logits in a way that tuning does not support.
    """

    def __init__(self, model: LoadedModel, *, pass_tokens: int | None = None) -> None:
        self._model = model
        on_cpu = model.module.device.type == "cpu"
        self._pass_tokens = pass_tokens or (_CPU_PASS_TOKENS if on_cpu else _PASS_TOKENS)
        self._schedule: PassSchedule[_Member] = PassSchedule(self._pass_tokens)
        self._make_pass = MixedPass(model)
        self._members: dict[TuningRun, _Member] = {}
        self._planned: deque[Sequence[PassRow]] = deque()

    @property
    def runs(self) -> tuple[TuningRun, ...]:
        """The runs in the company, in the order in which they joined."""
        return tuple(self._members)

    @property
    def resting(self) -> tuple[TuningRun, ...]:
        """The runs in the company whose epoch is over, so that they rest until they `resume`."""
        return tuple(run for run, member in self._members.items() if not member.passes)

    def add(self, run: TuningRun, *, tenant: str = "") -> None:
        """Let a run join.

        Args:
            tenant: Owner of the run. Tenants get equal shares of the tokens, however many runs they have.

        Raises:
            ValueError: The run has ended, has joined before or has another base model.
        """
        if run.done or run in self._members or run.model is not self._model:
            raise ValueError("the run must not have ended or joined before, and must be on the company's base model")
        member = self._members[run] = _Member(run=run, tenant=tenant)
        try:
            self._schedule_next(member)
        except BaseException:
            del self._members[run]
            raise

    def remove(self, run: TuningRun) -> None:
        """Let a run leave. An update that has begun is dropped, so that `run.state()` is a checkpoint before it.

        Runs that have left before are ignored.
        """
        member = self._members.pop(run, None)
        if member is None:
            return
        self._schedule.remove(member)
        left = ([row for row in rows if row.run is not run] for rows in self._planned)
        self._planned = deque(rows for rows in left if rows)

    def resume(self, run: TuningRun) -> None:
        """Let a run that rests make passes again: its epoch was ended, and it is not done."""
        self._schedule_next(self._members[run])

    def step(self) -> StepOutcome:
        """End one epoch if any is due, or else make one pass. Without runs nothing happens."""
        return self._end_epoch(self.resting[0]) if self.resting else self.make_pass()

    def make_pass(self) -> StepOutcome:
        """Make one pass. If all runs rest, nothing happens."""
        if not self._planned:
            self._plan()
        return self._pass(self._planned.popleft()) if self._planned else StepOutcome()

    def _plan(self) -> None:
        """Plan the passes of the next turns."""
        turns = self._schedule.next()
        passes: list[Sequence[PassRow]] = []
        for turn in turns:
            member, first = turn.run, turn.run.num_planned
            member.num_planned += turn.num_parts
            passes += member.passes[first : member.num_planned]
        if len(turns) > 1 and passes:
            rows = [row for part in passes for row in part]
            cut = cut_passes(self._make_pass.sizes(rows), overhead=_OVERHEAD_TOKENS)
            passes = [[rows[place] for place in places] for places in cut]
        self._planned += passes

    def _pass(self, rows: Sequence[PassRow]) -> StepOutcome:
        """Make one pass, and the updates of the runs that have no more rows."""
        reports: list[tuple[TuningRun, StepReport]] = []
        failures = list(self._make_pass(rows).items())
        for run, _ in failures:
            self.remove(run)
        for run, count in Counter(row.run for row in rows).items():
            member = self._members.get(run)
            if member is None:
                continue
            member.num_waiting -= count
            if member.num_waiting:
                continue
            try:
                report = run.apply()
                self._schedule_next(member)
            except Exception as error:  # the root of a run: its error must not end the others
                failures.append((run, error))
                self.remove(run)
                continue
            if not run.epoch_is_over:
                reports.append((run, report))
        return StepOutcome(reports=reports, failures=failures)

    def _end_epoch(self, run: TuningRun) -> StepOutcome:
        """End an epoch of one run. If it is done or cannot go on, it leaves the company."""
        try:
            report = run.end_epoch()
            if run.done:
                self.remove(run)
            else:
                self.resume(run)
        except Exception as error:  # the root of a run: its error must not end the others
            self.remove(run)
            return StepOutcome(failures=[(run, error)])
        return StepOutcome(reports=[(run, report)])

    def _schedule_next(self, member: _Member) -> None:
        """Let a run wait for the passes of its next update, or rest if its epoch is over."""
        run = member.run
        member.passes, member.num_planned, member.num_waiting = (), 0, 0
        if run.epoch_is_over:
            return
        update = run.begin_update()
        member.num_waiting = update.num_rows
        member.passes = [
            [PassRow(run=run, row=row, num_answer_tokens=update.num_answer_tokens) for row in rows]
            for rows in update.passes
        ]
        parts = [
            Part(cost=sum(row.num_tokens for row in rows), size=pass_size(self._make_pass.sizes(rows)))
            for rows in member.passes
        ]
        self._schedule.add(member.tenant, member, parts)


def tune(run: TuningRun) -> Iterator[StepReport]:
    """Train one run to its end, without company.

    Between two reports the caller may stop, or take a checkpoint (`TuningRun.state`).

    Yields:
        One report for each update.
    """
    if run.done:
        return
    company = CoTuner(run.model)
    company.add(run)
    while not run.done:
        outcome = company.step()
        for _, error in outcome.failures:
            raise error
        for _, report in outcome.reports:
            yield report


__all__ = ["CoTuner", "StepOutcome", "tune"]
