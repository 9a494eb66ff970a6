"""A run of a tuning method over a frozen base model, as an object that is stepped.

A run chooses the rows of each update, and makes the update from their losses and gradients. It makes no training pass
through the base model: `CoTuner` does, for one run or for several at once.

    update = run.begin_update()
    for rows in update.passes:
        ...  # losses of the rows under run.contributions(), and gradients of run.tensors
        run.add(nats, gradients, seconds)
    report = run.apply()
    if run.epoch_is_over:
        report = run.end_epoch()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

import torch

from foreword.domain.dataset import Row
from foreword.domain.experiment import Phase, TunePlan
from foreword.errors import ArtifactError, FailedPreconditionError
from foreword.network.answer_loss import AnswerLoss
from foreword.network.pass_budget import PassBudget
from foreword.network.pass_memory import AdapterSize
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import Artifact, EncodedRow, LoadedModel, Schema, Task, TuningMethod
from foreword.tuning.batches import encode_rows, length_order
from foreword.tuning.runs.course import Course
from foreword.tuning.runs.fingerprint import run_fingerprint
from foreword.tuning.runs.learner import Learner
from foreword.tuning.runs.results import StepReport, TrainResult
from foreword.tuning.runs.run_state import RunState
from foreword.tuning.runs.selection import Selection
from foreword.tuning.runs.update import Update
from foreword.tuning.split import split_for
from foreword.tuning.work_time import work_clock

if TYPE_CHECKING:
    from torch import Tensor

_MEASURED_ROWS: Final = 32
"""Rows of a pass over held-out rows, which keeps no activations."""

Evaluate = Callable[[Sequence[Contribution]], float]
"""Returns the held-out main metric of the contributions learnt so far."""


class TuningRun:
    """One run of a tuning method.

    Only the method's tensors are trained, in fp32. The base model stays frozen and in eval mode, in the dtype in which
    it was loaded. Optimiser, clipping, schedule, selection, seed and the order of rows are the run's own.

    Args:
        rows: All rows of the dataset; the run holds out rows according to the plan.
        validation_rows: All rows of the validation dataset, which are held out instead; empty if there is none.
        start: The artifact to start from if the plan says so; None for another start.
        evaluate: Called at the end of each epoch if rows are held out.
        check: Called between rows that are encoded and between passes of `end_epoch`; raises an error to stop.
        state: A checkpoint to resume. On CPU, a run that is tuned alone ends bit for bit where an uninterrupted one
            does.

    Raises:
        ArtifactError: The checkpoint cannot be read or belongs to another run.
    """

    def __init__(
        self,
        *,
        model: LoadedModel,
        method: TuningMethod,
        task: Task,
        plan: TunePlan,
        verbalizer: str,
        rows: Sequence[Row],
        validation_rows: Sequence[Row] = (),
        start: Artifact | None = None,
        evaluate: Evaluate | None = None,
        check: Callable[[], None] = lambda: None,
        state: bytes | None = None,
    ) -> None:
        self._model = model
        self._method = method
        self._task = task
        self._plan = plan
        self._parameters = plan.parameters
        self._start_artifact = start
        self._evaluate = evaluate
        self._check = check
        self._clock = work_clock(str(model.module.device))
        self._loss = AnswerLoss(model)
        self._budget = PassBudget(model)
        self._split = split_for(plan, task, rows, validation_rows)
        encode = partial(encode_rows, model=model, task=task, plan=plan, verbalizer=verbalizer, check=check)
        encoded = encode(rows)
        tokens = dict(zip(rows, encoded, strict=True))
        self._held_out = encode(validation_rows) if validation_rows else [tokens[row] for row in self._split.held_out]
        self._fingerprint = run_fingerprint(
            plan,
            base_model=model.spec,
            tuning_type=method.id,
            verbalizer=verbalizer,
            rows=(*rows, *validation_rows),
            encoded=(*encoded, *(self._held_out if validation_rows else ())),
            held_out=self._split.held_out,
        )
        self._refits = plan.parameters.refit and bool(self._held_out)
        self._course = Course(
            {Phase.TUNING: [tokens[row] for row in self._split.training], Phase.REFITTING: encoded},
            plan.parameters,
            refits=self._refits,
        )
        self._context_tokens = method.plan(model.spec, plan.parameters).context_tokens
        self._num_tokens = self._tokens_of(encoded) + (self._tokens_of(self._held_out) if validation_rows else 0)
        self._learner = self._start()
        self._adapter_size = AdapterSize.of(self._learner.trainable.contribute())
        self._selection = Selection()
        self._chosen: Artifact | None = None
        self._report: StepReport | None = None
        self._update: Update | None = None
        self._nats = self._seconds = 0.0
        self._held_out_nats: list[float] = []
        if state is not None:
            self._restore(state)

    @property
    def model(self) -> LoadedModel:
        """The base model."""
        return self._model

    @property
    def training_rows(self) -> tuple[Row, ...]:
        """The rows to train on before a refit."""
        return self._split.training

    @property
    def training_schema(self) -> Schema:
        """The task's schema of the rows to train on before a refit; held-out rows are measured with it."""
        return self._task.trained_schema(self._plan.schema, self._split.training)

    @property
    def validation_rows(self) -> tuple[Row, ...]:
        """The held-out rows."""
        return self._split.held_out

    @property
    def held_out_losses(self) -> list[tuple[EncodedRow, float]]:
        """The held-out rows, each with the loss of its answer in nats when the held-out loss was last measured."""
        return list(zip(self._held_out, self._held_out_nats, strict=False))

    @property
    def context_tokens(self) -> int:
        """The number of virtual tokens in front of each row."""
        return self._context_tokens

    @property
    def adapter_size(self) -> AdapterSize:
        """The size of the run's adapter in a pass."""
        return self._adapter_size

    @property
    def num_held_out_tokens(self) -> int:
        """The tokens of all held-out rows, each with the virtual tokens in front of it."""
        return self._tokens_of(self._held_out)

    @property
    def num_tokens(self) -> int:
        """The tokens of all rows, held out or not, each with the virtual tokens in front of it."""
        return self._num_tokens

    @property
    def tensors(self) -> list[Tensor]:
        """The trained tensors, whose gradients `add` takes."""
        return self._learner.tensors

    @property
    def step(self) -> int:
        """The number of updates made so far."""
        return self._course.step

    @property
    def total_steps(self) -> int:
        """The number of updates of the whole run, as far as known."""
        return self._course.step + self._course.steps_left

    @property
    def total_epochs(self) -> int:
        """The number of epochs of the current phase."""
        return self._course.num_epochs

    @property
    def epoch_is_over(self) -> bool:
        """True if `end_epoch` is due instead of an update."""
        return self._course.epoch_is_over

    @property
    def done(self) -> bool:
        """True if the run has ended."""
        return self._course.done

    def begin_update(self) -> Update:
        """Return the rows of the next update. An update that was begun but not applied starts again."""
        assert not self.done, "the run has ended"
        self._drop_update()
        batches = [[self._varied(place) for place in batch] for batch in self._course.window()]
        update = self._update = Update.of(batches, context_tokens=self._context_tokens, divide=self._divided)
        return update

    def contributions(self) -> Sequence[Contribution]:
        """Return differentiable contributions of the current tensors."""
        return self._learner.trainable.contribute()

    def add(self, nats: float, gradients: Sequence[Tensor | None], seconds: float) -> None:
        """Add the results of some rows of the update.

        Args:
            nats: The summed loss of the rows.
            gradients: The gradients of `nats / num_answer_tokens`, in the order of `tensors`; None stands for zero.
            seconds: The time that was spent on the rows.
        """
        self._nats += nats
        self._seconds += seconds
        self._learner.add(gradients)

    def apply(self) -> StepReport:
        """Make the update from the results of all its rows.

        Raises:
            FailedPreconditionError: The loss is not finite. The tensors are those before the update.
        """
        update, course = self._update, self._course
        assert update is not None, "no update was begun"
        started = self._clock()
        loss = self._nats / update.num_answer_tokens
        if not math.isfinite(loss):
            raise self._diverged(f"The loss is {loss} at update {course.step + 1}")
        rate = course.rate()
        self._learner.step(rate)
        course.advance()
        self._report = StepReport(
            step=course.step,
            total_steps=self.total_steps,
            epoch=course.passed_epochs,
            loss=loss,
            learning_rate=rate,
            rows=update.num_rows,
            tokens=update.num_tokens,
            seconds=self._seconds + self._clock() - started,
            phase=course.phase,
        )
        self._drop_update()
        return self._report

    def end_epoch(self) -> StepReport:
        """Measure on the held-out rows, and move to the next epoch or phase or end the run.

        If the measurement raises an error, the run stays as it was: `state` returns a checkpoint of it, and `end_epoch`
        can be called again.

        Returns:
            The report of the epoch's last update, with the results.

        Raises:
            FailedPreconditionError: The held-out loss is not a number.
        """
        course, parameters, report = self._course, self._parameters, self._report
        assert course.epoch_is_over, "the epoch is not over"
        assert report is not None
        epoch, loss, metric = course.epoch + 1, None, None
        ended = epoch >= course.num_epochs
        if course.phase is Phase.TUNING and self._held_out:
            artifact = self._learner.trainable.finish()
            contributions = self._method.contributions(artifact)
            loss = self._held_out_loss(contributions)
            if math.isnan(loss):
                raise self._diverged(f"The loss on the held-out rows is not a number after epoch {epoch}")
            metric = self._evaluate(contributions) if self._evaluate is not None else None
            better = self._selection.offer(epoch, loss=loss, metric=metric)
            if better or not parameters.keep_best:
                self._chosen = artifact
            ended = ended or self._selection.exhausted(parameters.early_stopping_patience)
        if not ended:
            course.next_epoch()
        elif course.phase is Phase.TUNING and self._refits:
            # Start again on all rows, for as many epochs as were best.
            course.refit(self._selection.best_epoch if parameters.keep_best else epoch)
            self._learner = self._start()
        else:
            course.end()
        self._report = None
        return replace(report, total_steps=self.total_steps, validation_loss=loss, validation_metric=metric)

    def _diverged(self, what: str) -> FailedPreconditionError:
        """Return the error of a run whose numbers are no longer finite."""
        return FailedPreconditionError(
            f"{what}: the run diverged. Tune again with a learning_rate below {self._parameters.learning_rate:g}.",
            reason="TUNING_DIVERGED",
        )

    def result(self) -> TrainResult:
        """Return the outcome of the run. Call it only after the run has ended."""
        assert self.done, "the run has not ended"
        refitted = self._course.phase is Phase.REFITTING
        last = self._learner.trainable.finish() if refitted or self._chosen is None else self._chosen
        return TrainResult(
            artifact=last,
            best_epoch=self._selection.best_epoch or self._course.num_epochs,
            best_metric=self._selection.best_metric,
            best_loss=self._selection.best_loss,
            steps=self.step,
            evaluated=self._chosen or last,
        )

    def state(self) -> bytes:
        """Return a checkpoint: everything that the rest of the run depends on.

        It contains no part of an update that was begun but not applied; the resumed run makes the update again.
        """
        tensors, numbers = self._learner.state()
        state = RunState(
            cursor=self._course.to_json(),
            tensors=tensors,
            numbers=numbers,
            selection=self._selection,
            chosen=self._chosen,
            report=self._report if self.epoch_is_over else None,
        )
        return state.to_bytes(self._fingerprint)

    def _restore(self, payload: bytes) -> None:
        """Resume from a checkpoint."""
        try:
            state = RunState.from_bytes(payload, self._fingerprint)
            self._course.restore(state.cursor)
            self._learner = self._start()
            self._learner.restore(state.tensors, state.numbers)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"The checkpoint lacks data that this run needs ({error}). It starts again from the beginning."
            ) from error
        self._selection, self._chosen, self._report = state.selection, state.chosen, state.report

    def _start(self) -> Learner:
        """Return the initial tensors for the rows of the phase."""
        if self._start_artifact is not None:
            trainable = self._method.start_from(self._start_artifact, self._model, self._parameters)
        else:
            generator = torch.Generator().manual_seed(self._parameters.seed)
            trainable = self._method.start(self._model, self._parameters, self._course.rows, generator)
        return Learner(trainable, self._parameters)

    def _tokens_of(self, rows: Sequence[EncodedRow]) -> int:
        return sum(row.length + self._context_tokens for row in rows)

    def _drop_update(self) -> None:
        """Drop what was added to an update that was not applied."""
        self._update = None
        self._nats = self._seconds = 0.0
        self._learner.discard()

    @torch.no_grad()
    def _held_out_loss(self, contributions: Sequence[Contribution]) -> float:
        """Return the mean loss over all answer tokens of the held-out rows, in nats."""
        rows = self._held_out
        nats = [0.0] * len(rows)
        for batch in length_order(rows, batch_size=max(self._parameters.batch_size, _MEASURED_ROWS)):
            places = iter(batch)
            for part in self._divided([rows[place] for place in batch], with_gradients=False):
                self._check()
                for value in self._loss.nats(part, [contributions], [0] * len(part)).tolist():
                    nats[next(places)] = value
        self._held_out_nats = nats
        return sum(nats) / sum(len(row.target_ids) for row in rows)

    def _divided(self, rows: Sequence[EncodedRow], *, with_gradients: bool = True) -> list[Sequence[EncodedRow]]:
        """Divide a batch into parts that fit into one pass; most batches are one part."""
        parts = self._budget.parts(rows, [self._adapter_size], [0] * len(rows), with_gradients=with_gradients)
        return [rows[part] for part in parts]

    def _varied(self, place: int) -> EncodedRow:
        """Return a row as varied for this epoch. It depends only on seed, epoch and row, so that runs can resume."""
        row, epoch = self._course.rows[place], self._course.epoch
        generator = Random(f"row/{self._parameters.seed}/{epoch}/{place}")  # noqa: S311 - no secret
        return replace(row, input_ids=tuple(self._learner.trainable.vary_input(row.input_ids, generator)))


__all__ = ["Evaluate", "StepReport", "TrainResult", "TuningRun"]
