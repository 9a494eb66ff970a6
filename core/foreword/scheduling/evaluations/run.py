"""The work of one evaluation: every system answers every row, and the answers are scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.dataset import Row
from foreword.domain.evaluation import EvaluatedSystem, EvaluationPhase, EvaluationProgress, SystemAnswer
from foreword.domain.tuned_model import TunedModel
from foreword.evaluation.results import AnsweredSystem, Measurement
from foreword.evaluation.system_answers import system_answers
from foreword.plugin.interfaces import Schema, Task
from foreword.scheduling.evaluations.asked_systems import AskedSystems
from foreword.scheduling.evaluations.storing import write_rows
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.installed import installed
from foreword.scheduling.price import price_on
from foreword.scheduling.sliced_run import LoadModel, SlicedRun
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.workers.answer_batches import AnswerBatch, AnswerBatches
from foreword.tuning.measuring import EXAMINED_SHARE, HELD_OUT_SHARE
from foreword.turns.slices import outside

BATCH_ROWS: Final = 128
"""Rows of a batch of answers, which is what a worker that dies loses at most."""


class EvaluationRun(SlicedRun):
    """The work of a leased evaluation; see `SlicedRun`."""

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
        self._task: Task = installed("task", config.task, self._workshop.plugins.tasks.get(config.task))
        with outside():
            rows = self._rows(config.dataset)
            tuned = [
                self._tuned_model(system.tuned_model, f"without the system {system.id}") for system in config.systems
            ]
            examples = self._rows(config.examples_dataset) if config.examples_dataset is not None else ()
            stored = self._batches.stored()
        self._check()
        schema = self._schema(rows, [model for model in tuned if model is not None])
        targets = self._targets(rows, schema)
        systems = AskedSystems(
            self._workshop, self._task, schema, tuned, examples=examples, targets=targets, check=self._check
        )
        self._total = len(rows) * len(config.systems)
        self._answered = sum(batch.row_count for batch in stored)
        self._enter(EvaluationPhase.ANSWERING)
        batches = [[batch for batch in stored if batch.system == place] for place in range(len(config.systems))]
        soft_prompt_tokens = [0 if model is None else model.num_virtual_tokens for model in tuned]
        for place, system in enumerate(config.systems):
            if len(batches[place]) * BATCH_ROWS < len(rows):
                self._answer(load, systems, system, place, rows, targets, batches[place])
        self.can_leave = False  # what is left is not stored in parts
        self._begin_turn()
        self._enter(EvaluationPhase.SCORING)
        with outside():
            answers = [[answer for batch in found for answer in self._batches.read(batch)] for found in batches]
        measurement = Measurement(
            self._task,
            schema,
            rows,
            targets,
            [
                AnsweredSystem(
                    id=system.id,
                    base_model=system.base_model,
                    answers=answers[place],
                    soft_prompt_tokens=soft_prompt_tokens[place],
                    mean_seconds=sum(batch.seconds for batch in batches[place]) / len(rows),
                )
                for place, system in enumerate(config.systems)
            ],
            check=self._check,
        )
        results = measurement.results()
        self._enter(EvaluationPhase.STORING)
        folder = self._workshop.settings.home_folder
        folder.mkdir(parents=True, exist_ok=True)
        with write_rows(measurement.answered_rows(), folder, self._check) as file, outside():
            file.publish(
                self._workshop,
                self._evaluation,
                lambda stored_rows: self._batches.succeed(results, stored_rows, self._heartbeat.compute_seconds),
            )

    def _answer(
        self,
        load: LoadModel,
        systems: AskedSystems,
        system: EvaluatedSystem,
        place: int,
        rows: Sequence[Row],
        targets: Sequence[str],
        batches: list[AnswerBatch],
    ) -> None:
        """Answer the rows after the stored batches of a system, and add the new batches to them.

        Nothing refers to its base model afterwards, so that it can be unloaded before the next one is loaded.
        """
        with ExitStack() as held:
            base = self._workshop.plugins.base_model(system.base_model)
            self.can_leave = False  # while a model is loaded, the worker would have to wait for it
            with outside():
                model = load(held, base)
                contributions = systems.read_contributions(system, base)
                price = price_on(self._workshop, base.spec).seconds_per_token
            self._begin_turn()
            asking = systems.asking(system, model, contributions, rows)
            limit = systems.max_target_tokens(system)
            if not self._answered_here:
                self._started = time.monotonic()
            for number in range(len(batches), -(-len(rows) // BATCH_ROWS)):
                part = slice(number * BATCH_ROWS, (number + 1) * BATCH_ROWS)
                answers = system_answers(asking, rows[part], targets[part], max_target_tokens=limit, check=self._check)
                seconds = price * sum(_charged_tokens(answer) for answer in answers)
                self._heartbeat.charge(seconds)
                with outside():
                    batches.append(self._batches.add(place, number, answers, seconds, self._heartbeat.compute_seconds))
                    self._heartbeat.record_progress()
                self._answered += len(answers)
                self._answered_here += len(answers)
                self._enter(EvaluationPhase.ANSWERING)
                self.can_leave = True

    def _targets(self, rows: Sequence[Row], schema: Schema) -> list[str]:
        """Return the right answers in canonical form."""
        targets: list[str] = []
        for row in rows:
            self._check()
            targets.append(self._task.target(row.output, schema))
        return targets

    def _schema(self, rows: Sequence[Row], tuned: Sequence[TunedModel]) -> Schema:
        """Return the schema in which the answers are compared."""
        options = self._evaluation.config.task_options
        schemas = [model.schema for model in tuned] or [self._task.fit(rows, options)]
        return self._task.evaluation_schema(rows, schemas)

    def _rows(self, id: str) -> tuple[Row, ...]:
        """Return the rows of a dataset, all of them verified."""
        dataset = DatasetRepository(self._workshop.database, self._evaluation.tenant).get(id)
        with open_rows(self._workshop.artifacts, dataset) as file:
            return tuple(read_rows(file))

    def _enter(self, phase: EvaluationPhase) -> None:
        """Store how far the work is, at the next heartbeat."""
        left = None
        if self._answered_here:
            pace = (time.monotonic() - self._started) / self._answered_here
            left = pace * (self._total - self._answered)
        progress = EvaluationProgress(
            percent=100.0 * self._answered / max(1, self._total),
            answered_count=self._answered,
            total_count=self._total,
            remaining_seconds=left,
            phase=phase,
        )
        with outside():
            self._heartbeat.beat(progress)


def _charged_tokens(answer: SystemAnswer) -> float:
    """Return what an answer costs, in tokens of training."""
    measured = answer.tokens + answer.reference_tokens if answer.reference_nats is not None else 0
    return HELD_OUT_SHARE * answer.tokens + EXAMINED_SHARE * measured
