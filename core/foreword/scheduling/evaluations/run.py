"""The work of one evaluation: every system answers every row, and the answers are scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.dataset import Row
from foreword.domain.evaluation import (
    AnswerRowsFile,
    EvaluationPhase,
    EvaluationProgress,
    EvaluationResults,
    SystemAnswer,
)
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError
from foreword.evaluation.asking import Asking
from foreword.evaluation.results import AnsweredSystem, Measurement
from foreword.evaluation.system_answers import system_answers
from foreword.plugin.interfaces import Schema, Task
from foreword.scheduling.evaluations.asked_systems import AskedSystems
from foreword.scheduling.evaluations.storing import write_rows
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.installed import installed
from foreword.scheduling.price import price_on
from foreword.scheduling.sliced_run import MOST_LOST_LEASES, LoadModel, SlicedRun
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.workers.answer_batches import AnswerBatch, AnswerBatches
from foreword.tuning.measuring import EXAMINED_SHARE, HELD_OUT_SHARE
from foreword.turns.slices import outside

BATCH_ROWS: Final = 128
"""Rows of a batch of answers, which is what a worker that dies loses at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Material:
    """What an evaluation works on.

    Attributes:
        targets: The right answers in canonical form.
        tuned: The tuned model of each system; None for base models.
        batches: The stored answers of each system, in the order of the rows.
    """

    task: Task
    schema: Schema
    rows: Sequence[Row]
    targets: Sequence[str]
    tuned: Sequence[TunedModel | None]
    batches: Sequence[list[AnswerBatch]]


class EvaluationRun(SlicedRun):
    """The work of a leased evaluation; see `SlicedRun`.

    The systems of one base model take turns, batch by batch, so that an evaluation which ends early has the answers of
    all of them to the same rows.
    """

    noun = "evaluation"
    smaller = "fewer systems or shorter rows"

    def __init__(
        self,
        workshop: Workshop,
        lease: Lease,
        heartbeat: Heartbeat,
        begin_company_turn: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(workshop, lease, heartbeat, begin_company_turn)
        self._evaluation = lease.evaluation
        self._batches = AnswerBatches(workshop.database, workshop.artifacts, lease, failpoint=workshop.failpoint)
        self._total = 0
        self._answered = 0
        self._started = 0.0
        self._answered_here = 0

    def work(self, load: LoadModel) -> None:
        """Answer the rows that are left, score all answers, and store the end of the evaluation."""
        self._begin()
        config = self._evaluation.config
        with outside():
            tuned = [
                self._tuned_model(system.tuned_model, f"without the system {system.id}") for system in config.systems
            ]
            stored = self._batches.stored()
            examples = self._rows(config.examples_dataset) if config.examples_dataset is not None else ()
        material = self._material(tuned, stored)
        systems = AskedSystems(
            self._workshop,
            material.task,
            material.schema,
            tuned,
            examples=examples,
            targets=material.targets,
            check=self._check,
        )
        self._total = len(material.rows) * len(config.systems)
        self._answered = sum(batch.row_count for batch in stored)
        self._enter(EvaluationPhase.ANSWERING)
        for base_model in config.base_models:
            places = [
                place
                for place, system in enumerate(config.systems)
                if system.base_model == base_model and len(material.batches[place]) * BATCH_ROWS < len(material.rows)
            ]
            if places:
                self._answer(load, systems, base_model, places, material)
        self.can_leave = False  # what is left is not stored in parts
        self._begin_turn()
        self._enter(EvaluationPhase.SCORING)
        self._score(
            material,
            lambda results, rows: self._batches.succeed(results, rows, self._heartbeat.compute_seconds),
            lambda: self._enter(EvaluationPhase.STORING),
        )

    def keep_partial(self) -> None:
        """Score and store the answers so far, for an evaluation that is cancelled or fails.

        Nothing is stored without an answer, and if the workers of the evaluation keep dying.
        """
        self.can_leave = False
        self._is_ending = True
        if self._lease.lost_before > MOST_LOST_LEASES:
            return
        with outside():
            stored = self._batches.stored()
        if not stored:
            return
        with outside():
            tuned = [self._tuned_if_it_exists(system.tuned_model) for system in self._evaluation.config.systems]
        self._score(
            self._material(tuned, stored),
            lambda results, rows: self._batches.keep(replace(results, partial=True), rows),
        )

    def _material(self, tuned: Sequence[TunedModel | None], stored: Sequence[AnswerBatch]) -> _Material:
        """Read the rows, and find out how their answers are compared."""
        config = self._evaluation.config
        task: Task = installed("task", config.task, self._workshop.plugins.tasks.get(config.task))
        with outside():
            rows = self._rows(config.dataset)
        self._check()
        schemas = [model.schema for model in tuned if model is not None] or [task.fit(rows, config.task_options)]
        schema = task.evaluation_schema(rows, schemas)
        return _Material(
            task=task,
            schema=schema,
            rows=rows,
            targets=self._targets(task, rows, schema),
            tuned=tuned,
            batches=[[batch for batch in stored if batch.system == place] for place in range(len(config.systems))],
        )

    def _answer(
        self,
        load: LoadModel,
        systems: AskedSystems,
        base_model: str,
        places: Sequence[int],
        material: _Material,
    ) -> None:
        """Answer the rows after the stored batches of the systems of one base model, and add the new batches to them.

        Nothing refers to the base model afterwards, so that it can be unloaded before the next one is loaded.
        """
        with ExitStack() as held:
            base = self._workshop.plugins.base_model(base_model)
            asked = self._evaluation.config.systems
            self.can_leave = False  # while a model is loaded, the worker would have to wait for it
            with outside():
                model = load(held, base)
                contributions = {place: systems.read_contributions(asked[place], base) for place in places}
                price = price_on(self._workshop, base.spec).seconds_per_token
            self._begin_turn()
            asking = {
                place: systems.asking(asked[place], model, contributions[place], material.rows) for place in places
            }
            if not self._answered_here:
                self._started = time.monotonic()
            for number in range(-(-len(material.rows) // BATCH_ROWS)):
                for place in places:
                    if number == len(material.batches[place]):
                        limit = systems.max_target_tokens(asked[place])
                        self._answer_batch(asking[place], place, number, material, limit, price)

    def _answer_batch(
        self, asking: Asking, place: int, number: int, material: _Material, max_target_tokens: int | None, price: float
    ) -> None:
        """Answer the next rows with one system, and store and charge the answers.

        Args:
            place: Place of the system.
            number: Number of the batch.
            max_target_tokens: Maximum length of a right answer whose loss is measured; None if none is.
            price: Compute time of a token in seconds.
        """
        part = slice(number * BATCH_ROWS, (number + 1) * BATCH_ROWS)
        answers = system_answers(
            asking,
            material.rows[part],
            material.targets[part],
            max_target_tokens=max_target_tokens,
            check=self._check,
        )
        seconds = price * sum(_charged_tokens(answer) for answer in answers)
        self._heartbeat.charge(seconds)
        with outside():
            added = self._batches.add(place, number, answers, seconds, self._heartbeat.compute_seconds)
        material.batches[place].append(added)
        self._answered += len(answers)
        self._answered_here += len(answers)
        with outside():
            # A cancellation that the heartbeat sees ends the evaluation with this progress.
            self._heartbeat.note(self._progress(EvaluationPhase.ANSWERING))
            self._heartbeat.record_progress()
        self._enter(EvaluationPhase.ANSWERING)
        self.can_leave = True

    def _score(
        self,
        material: _Material,
        commit: Callable[[EvaluationResults, AnswerRowsFile], None],
        before_storing: Callable[[], None] = lambda: None,
    ) -> None:
        """Score the stored answers, and store the results and the rows.

        Args:
            commit: Stores the results, and a reference to the stored rows.
        """
        with outside():
            answers = [
                [answer for batch in batches for answer in self._batches.read(batch)] for batches in material.batches
            ]
        measurement = Measurement(
            material.task,
            material.schema,
            material.rows,
            material.targets,
            [
                AnsweredSystem(
                    id=system.id,
                    base_model=system.base_model,
                    answers=answers[place],
                    soft_prompt_tokens=0 if (tuned := material.tuned[place]) is None else tuned.num_virtual_tokens,
                    mean_seconds=sum(batch.seconds for batch in material.batches[place]) / max(1, len(answers[place])),
                )
                for place, system in enumerate(self._evaluation.config.systems)
            ],
            check=self._check,
        )
        results = measurement.results()
        before_storing()
        folder = self._workshop.settings.home_folder
        folder.mkdir(parents=True, exist_ok=True)
        with write_rows(measurement.answered_rows(), folder, self._check) as file, outside():
            file.publish(self._workshop, self._evaluation, lambda stored_rows: commit(results, stored_rows))

    def _targets(self, task: Task, rows: Sequence[Row], schema: Schema) -> list[str]:
        """Return the right answers in canonical form."""
        targets: list[str] = []
        for row in rows:
            self._check()
            targets.append(task.target(row.output, schema))
        return targets

    def _tuned_if_it_exists(self, id: str | None) -> TunedModel | None:
        """Return a tuned model; None if there is none, or if it has been deleted."""
        try:
            return self._tuned_model(id, "")
        except FailedPreconditionError:
            return None

    def _rows(self, id: str) -> tuple[Row, ...]:
        """Return the rows of a dataset, all of them verified."""
        dataset = DatasetRepository(self._workshop.database, self._evaluation.tenant).get(id)
        with open_rows(self._workshop.artifacts, dataset) as file:
            return tuple(read_rows(file))

    def _progress(self, phase: EvaluationPhase) -> EvaluationProgress:
        left = None
        if self._answered_here:
            pace = (time.monotonic() - self._started) / self._answered_here
            left = pace * (self._total - self._answered)
        return EvaluationProgress(
            percent=100.0 * self._answered / max(1, self._total),
            answered_count=self._answered,
            total_count=self._total,
            remaining_seconds=left,
            phase=phase,
        )

    def _enter(self, phase: EvaluationPhase) -> None:
        """Store how far the work is, at the next heartbeat."""
        with outside():
            self._heartbeat.beat(self._progress(phase))


def _charged_tokens(answer: SystemAnswer) -> float:
    """Return what an answer costs, in tokens of training."""
    measured = answer.tokens + answer.reference_tokens if answer.reference_nats is not None else 0
    return HELD_OUT_SHARE * answer.tokens + EXAMINED_SHARE * measured
