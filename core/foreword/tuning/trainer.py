"""The trainer: one run of a tuning method over a frozen base model.

The caller drives it update by update, and can send heartbeats, cancel the run and take checkpoints in between:

    trainer = Trainer(model=..., method=..., task=..., plan=..., verbalizer=..., rows=..., evaluate=..., state=None)
    for report in trainer.run():
        ...
    trainer.result()
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

import torch

from foreword.domain.dataset import Row
from foreword.domain.experiment import Phase, TunePlan
from foreword.errors import ArtifactError, FailedPreconditionError
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import Artifact, EncodedRow, LoadedModel, Schema, Task, Trainable, TuningMethod
from foreword.tuning import checkpoint
from foreword.tuning.batches import batch_order, encode_rows, length_order, parts_of
from foreword.tuning.fingerprint import run_fingerprint
from foreword.tuning.optimisation import clip, make_optimizer, set_rate
from foreword.tuning.results import StepReport, TrainResult
from foreword.tuning.schedule import rate_factor, updates_per_epoch
from foreword.tuning.selection import Selection
from foreword.tuning.split import split_for

if TYPE_CHECKING:
    from torch import Tensor

Evaluate = Callable[[Sequence[Contribution]], float]
"""Returns the held-out main metric of the contributions learnt so far."""

_VERSION: Final = 1


@dataclass(slots=True, kw_only=True)
class _Cursor:
    """The position of a run: the next window of batches to train on."""

    phase: Phase = Phase.TUNING
    epoch: int = 0
    window: int = 0
    step: int = 0
    num_epochs: int = 0
    done: bool = False


class Trainer:
    """One run of a tuning method.

    Only the method's tensors are trained, in fp32. The base model stays frozen and in eval mode, in the dtype in which
    it was loaded.

    Args:
        rows: All rows of the dataset; the trainer holds out rows according to the plan.
        validation_rows: All rows of the validation dataset, which are held out instead; empty if there is none.
        evaluate: Called at the end of each epoch if rows are held out.
        state: A checkpoint to resume. On CPU the result is bit for bit that of an uninterrupted run.

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
        evaluate: Evaluate | None = None,
        state: bytes | None = None,
    ) -> None:
        self._model = model
        self._method = method
        self._task = task
        self._plan = plan
        self._parameters = plan.parameters
        self._evaluate = evaluate
        self._loss = AnswerLoss(model)
        self._split = split_for(plan, task, rows, validation_rows)
        encode = partial(encode_rows, model=model, task=task, plan=plan, verbalizer=verbalizer)
        self._held_out = encode(self._split.held_out)
        encoded = encode(rows)
        self._training = {Phase.TUNING: encode(self._split.training), Phase.REFITTING: encoded}
        self._fingerprint = run_fingerprint(
            plan,
            base_model=model.spec,
            tuning_type=method.id,
            verbalizer=verbalizer,
            rows=(*rows, *validation_rows),
            encoded=(*encoded, *(self._held_out if validation_rows else ())),
            held_out=self._split.held_out,
        )
        self._chosen: Artifact | None = None
        self._selection = Selection()
        self._cursor = _Cursor(num_epochs=self._parameters.num_epochs)
        self._begin()
        if state is not None:
            self._restore(state)

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
    def step(self) -> int:
        """The number of updates made so far."""
        return self._cursor.step

    @property
    def total_steps(self) -> int:
        """The number of updates of the whole run, as far as known."""
        return self._cursor.step + self._steps_left()

    @property
    def total_epochs(self) -> int:
        """The number of epochs of the current phase."""
        return self._cursor.num_epochs

    def run(self) -> Iterator[StepReport]:
        """Train, with one report per update. Between two reports the caller may stop or take a checkpoint (`state`)."""
        while not self._cursor.done:
            yield self._update()

    def result(self) -> TrainResult:
        """Return the outcome of the run. Call it only after `run` has ended."""
        assert self._cursor.done, "the run has not ended"
        refitted = self._cursor.phase is Phase.REFITTING
        last = self._trainable.finish() if refitted or self._chosen is None else self._chosen
        return TrainResult(
            artifact=last,
            best_epoch=self._selection.best_epoch or self._cursor.num_epochs,
            best_metric=self._selection.best_metric,
            best_loss=self._selection.best_loss,
            steps=self._cursor.step,
            evaluated=self._chosen or last,
        )

    def state(self) -> bytes:
        """Return a checkpoint: everything that the rest of the run depends on."""
        optimizer_tensors, optimizer_numbers = checkpoint.optimizer_state(self._optimizer)
        tensors: dict[str, Tensor] = {f"parameter/{name}": tensor for name, tensor in self._named().items()}
        tensors |= {f"buffer/{name}": tensor for name, tensor in self._trainable.buffers.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in optimizer_tensors.items()}
        header: dict[str, Any] = {
            "version": _VERSION,
            "fingerprint": self._fingerprint,
            "cursor": asdict(self._cursor) | {"phase": self._cursor.phase.value},
            "selection": self._selection.to_json(),
            "optimizer": optimizer_numbers,
        }
        if self._chosen is not None:
            tensors |= {f"chosen/{name}": tensor for name, tensor in self._chosen.tensors.items()}
            header["chosen"] = {
                "kind": self._chosen.kind,
                "context_tokens": self._chosen.context_tokens,
                "config": dict(self._chosen.config),
            }
        return checkpoint.pack(tensors, header)

    def _begin(self) -> None:
        """Start the phase at the cursor from the method's initial tensors."""
        generator = torch.Generator().manual_seed(self._parameters.seed)
        rows = self._training[self._cursor.phase]
        self._trainable: Trainable = self._method.start(self._model, self._parameters, rows, generator)
        self._optimizer = make_optimizer(self._trainable.groups, self._parameters)
        self._windows = self._windows_of(self._cursor.epoch)

    def _restore(self, state: bytes) -> None:
        """Resume from a checkpoint."""
        tensors, header = checkpoint.unpack(state)
        if header.get("version") != _VERSION or header.get("fingerprint") != self._fingerprint:
            raise ArtifactError(
                "The checkpoint belongs to another run or version. The run starts again from the beginning."
            )
        try:
            self._continue_from(tensors, header)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"The checkpoint lacks data that this run needs ({error}). It starts again from the beginning."
            ) from error

    def _continue_from(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
        cursor = header["cursor"]
        self._cursor = _Cursor(**(cursor | {"phase": Phase(cursor["phase"])}))
        self._begin()
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(tensors[f"parameter/{name}"])
            for name, tensor in self._trainable.buffers.items():
                tensor.copy_(tensors[f"buffer/{name}"])
        checkpoint.restore_optimizer(self._optimizer, _below(tensors, "optimizer/"), header["optimizer"])
        self._selection = Selection.from_json(header["selection"])
        if "chosen" in header:
            self._chosen = Artifact(tensors=_below(tensors, "chosen/"), **header["chosen"])

    def _update(self) -> StepReport:
        """Make one update, and end the epoch after its last one."""
        started = time.perf_counter()
        cursor, rows = self._cursor, self._training[self._cursor.phase]
        batches, epoch_windows = self._windows[cursor.window], len(self._windows)
        phase_steps = cursor.num_epochs * epoch_windows
        phase_step = cursor.epoch * epoch_windows + cursor.window
        rate = self._parameters.learning_rate * rate_factor(
            phase_step,
            total_updates=phase_steps,
            warmup_ratio=self._parameters.warmup_ratio,
            schedule=self._parameters.schedule,
        )
        loss = self._step([[self._varied(rows, place) for place in batch] for batch in batches], rate)
        seconds = time.perf_counter() - started
        phase, epoch = cursor.phase, (phase_step + 1) / epoch_windows
        cursor.step += 1
        cursor.window += 1
        validation_loss, validation_metric = None, None
        if cursor.window == epoch_windows:
            validation_loss, validation_metric = self._end_epoch()
        return StepReport(
            step=cursor.step,
            total_steps=self.total_steps,
            epoch=epoch,
            loss=loss,
            learning_rate=rate,
            rows=sum(map(len, batches)),
            seconds=seconds,
            phase=phase,
            validation_loss=validation_loss,
            validation_metric=validation_metric,
        )

    def _step(self, batches: Sequence[Sequence[EncodedRow]], rate: float) -> float:
        """Make one optimiser step over a window of batches and return the mean loss in nats per token.

        Every token of the window has the same weight, even if the window is shorter than the others or its batches
        differ in size: the sums are divided by the window's own number of tokens.
        """
        num_tokens = sum(len(row.target_ids) for batch in batches for row in batch)
        total = 0.0
        for batch in batches:
            for part in parts_of(batch):
                nats = self._nats(part, self._trainable.contribute())
                (nats / num_tokens).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
                total += float(nats.detach())
        loss = total / num_tokens
        if not math.isfinite(loss):
            raise FailedPreconditionError(
                f"The loss is {loss} at update {self._cursor.step + 1}: the run diverged. Tune again with a "
                f"learning_rate below {self._parameters.learning_rate:g}.",
                reason="TUNING_DIVERGED",
            )
        clip(list(self._named().values()), self._parameters.max_gradient_norm)
        set_rate(self._optimizer, rate)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._trainable.after_step()
        return loss

    def _varied(self, rows: Sequence[EncodedRow], place: int) -> EncodedRow:
        """Return a row as varied for this epoch. It depends only on seed, epoch and row, so that runs can resume."""
        generator = Random(f"row/{self._parameters.seed}/{self._cursor.epoch}/{place}")  # noqa: S311 - no secret
        row = rows[place]
        return replace(row, input_ids=tuple(self._trainable.vary_input(row.input_ids, generator)))

    def _end_epoch(self) -> tuple[float | None, float | None]:
        """Measure on the held-out rows and move to the next epoch or phase."""
        cursor, loss, metric = self._cursor, None, None
        cursor.epoch, cursor.window = cursor.epoch + 1, 0
        ended = cursor.epoch >= cursor.num_epochs
        if cursor.phase is Phase.TUNING and self._held_out:
            artifact = self._trainable.finish()
            contributions = self._method.contributions(artifact)
            loss = self._held_out_loss(contributions)
            metric = self._evaluate(contributions) if self._evaluate is not None else None
            better = self._selection.offer(cursor.epoch, loss=loss, metric=metric)
            if better or not self._parameters.keep_best:
                self._chosen = artifact
            ended = ended or self._selection.exhausted(self._parameters.early_stopping_patience)
        if not ended:
            self._windows = self._windows_of(cursor.epoch)
        elif cursor.phase is Phase.TUNING and self._parameters.refit and self._held_out:
            self._begin_refit()
        else:
            cursor.done = True
        return loss, metric

    def _begin_refit(self) -> None:
        """Start again on all rows, for as many epochs as were best."""
        epochs = self._selection.best_epoch if self._parameters.keep_best else self._cursor.epoch
        self._cursor = _Cursor(phase=Phase.REFITTING, step=self._cursor.step, num_epochs=epochs)
        self._begin()

    @torch.no_grad()
    def _held_out_loss(self, contributions: Sequence[Contribution]) -> float:
        """Return the mean loss over all answer tokens of the held-out rows, in nats."""
        total, rows = 0.0, self._held_out
        for batch in length_order(rows, batch_size=self._parameters.batch_size):
            for part in parts_of([rows[place] for place in batch]):
                total += float(self._nats(part, contributions))
        return total / sum(len(row.target_ids) for row in rows)

    def _windows_of(self, epoch: int) -> list[list[list[int]]]:
        """Group the epoch's batches into windows of `accumulate_steps`; a shorter last window still makes an update."""
        batches = batch_order(
            self._training[self._cursor.phase],
            batch_size=self._parameters.batch_size,
            seed=self._parameters.seed,
            epoch=epoch,
        )
        size = self._parameters.accumulate_steps
        return [batches[first : first + size] for first in range(0, len(batches), size)]

    def _steps_left(self) -> int:
        """Return the number of updates to come without early stopping."""
        cursor, parameters = self._cursor, self._parameters
        if cursor.done:
            return 0
        left = (cursor.num_epochs - cursor.epoch) * len(self._windows) - cursor.window
        if cursor.phase is Phase.TUNING and parameters.refit and self._held_out:
            left += cursor.num_epochs * updates_per_epoch(
                len(self._training[Phase.REFITTING]), parameters.batch_size, parameters.accumulate_steps
            )
        return left

    def _named(self) -> dict[str, Tensor]:
        """Return the trained tensors by name."""
        return {name: tensor for group in self._trainable.groups for name, tensor in group.parameters.items()}

    def _nats(self, rows: Sequence[EncodedRow], contributions: Sequence[Contribution]) -> Tensor:
        """Return the summed loss of all answer tokens of the rows."""
        return self._loss.nats(rows, [contributions], [0] * len(rows)).sum()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names have a prefix, without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


__all__ = ["Evaluate", "StepReport", "TrainResult", "Trainer"]
