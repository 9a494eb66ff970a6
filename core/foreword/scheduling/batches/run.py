"""The work of one batch job: every row of its dataset is answered once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.batch_job import BatchAnswer, BatchJobPhase, BatchJobProgress
from foreword.domain.dataset import Row
from foreword.domain.inference import TokenUsage
from foreword.domain.inference_call import InferenceCall, InferenceOutcome
from foreword.domain.templates import apply_verbalizer
from foreword.domain.tuned_model import TunedModel
from foreword.inference.labels.named_labels import named_labels
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.batches.answering import Answering
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.installed import installed
from foreword.scheduling.price import price_on
from foreword.scheduling.sliced_run import LoadModel, SlicedRun
from foreword.scheduling.tuned_models import tuned_contributions
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.workers.batch_parts import BatchParts
from foreword.tuning.measuring import HELD_OUT_SHARE
from foreword.turns.slices import outside

PART_ROWS: Final = 128
"""Rows of a part of the answers, which is what a worker that dies loses at most."""

PART_CHARACTERS: Final = 4 * 2**20
"""Characters of inputs and other fields after which a part ends. A part is in memory as a whole, also when read."""


class BatchRun(SlicedRun):
    """The work of a leased batch job; see `SlicedRun`. Memory does not depend on the number of rows."""

    noun = "batch job"
    smaller = "shorter rows"

    def __init__(
        self,
        workshop: Workshop,
        lease: Lease,
        heartbeat: Heartbeat,
        begin_company_turn: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(workshop, lease, heartbeat, begin_company_turn)
        self._job = lease.batch_job
        self._plugins = workshop.plugins
        self._parts = BatchParts(workshop.database, workshop.artifacts, lease, failpoint=workshop.failpoint)
        self._total = self._answered = self._failed = self._answered_here = 0
        self._started = 0.0

    def work(self, load: LoadModel) -> None:
        """Answer the rows that are left, and store the end of the job."""
        self._begin()
        config = self._job.config
        with outside():
            dataset = DatasetRepository(self._workshop.database, self._job.tenant).get(config.dataset)
            tuned = self._tuned_model(config.tuned_model, "with another model")
            counts = self._parts.counts()
        self._total, self._answered, self._failed = dataset.row_count, counts.answered, counts.failed
        with ExitStack() as held:
            if self._answered < self._total:
                base = self._plugins.base_model(config.base_model)
                with outside():
                    model = load(held, base)
                    answering = self._answering(tuned, model, base)
                    price = price_on(self._workshop, base.spec).seconds_per_token
                    lines = iter(held.enter_context(open_rows(self._workshop.artifacts, dataset)))
                for _ in islice(lines, self._answered):
                    self._check()
                self._begin_turn()
                self._started = time.monotonic()
                self._answer(answering, tuned, read_rows(lines, self._answered + 1), price)
        self.can_leave = False
        self._enter()
        with outside():
            self._parts.succeed(self._progress(), self._heartbeat.compute_seconds)

    def _answer(self, answering: Answering, tuned: TunedModel | None, rows: Iterator[Row], price: float) -> None:
        """Answer rows in parts, each of which is stored and charged when it is done."""
        self._enter()
        verbalizer = "{{input}}" if tuned is None else tuned.verbalizer

        def text(row: Row) -> str:
            plain = apply_verbalizer(verbalizer, row.input)
            if not self._plugins.changes_texts:
                return plain
            with outside():
                return self._plugins.before_generate(self._call(row.number, tuned), plain)

        while True:
            with outside():
                part = _next_part(rows)
            if not part:
                return
            began = time.monotonic()
            answers = answering.answer(part, text, self._check)
            self._heartbeat.charge(
                price * HELD_OUT_SHARE * sum(item.input_tokens + item.generated_tokens for item in answers)
            )
            with outside():
                self._parts.add(answers, self._heartbeat.compute_seconds)
            self._answered += len(answers)
            self._answered_here += len(answers)
            self._failed += sum(item.failure is not None for item in answers)
            with outside():
                # A cancellation that the heartbeat sees ends the job with this progress.
                self._heartbeat.note(self._progress())
                self._heartbeat.record_progress()
                self._notify(answers, tuned, (time.monotonic() - began) / len(answers))
            self._enter()
            self.can_leave = True

    def _answering(self, tuned: TunedModel | None, model: LoadedModel, base: BaseModel) -> Answering:
        config = self._job.config
        named = None if config.classify is None else named_labels(config.classify)
        if tuned is None:
            return Answering(runner=ModelRunner(model), config=config, contributions=(), space=named)
        task = installed("task", tuned.task, self._plugins.tasks.get(tuned.task))
        space = task.label_space(tuned.schema) if task.closed else named
        return Answering(
            runner=ModelRunner(model),
            config=config,
            contributions=tuned_contributions(self._workshop, tuned, base),
            space=space,
            label_temperature=tuned.label_temperature,
            calibration=tuned.answer_calibration,
            soft_prompt_tokens=tuned.num_virtual_tokens,
        )

    def _notify(self, answers: Sequence[BatchAnswer], tuned: TunedModel | None, seconds: float) -> None:
        """Report the outcomes of stored answers to plugins, such as meters.

        Args:
            seconds: Time of one answer.
        """
        if not self._plugins.observes_answers:
            return
        for answer in answers:
            usage = None
            if answer.failure is None:
                usage = TokenUsage(
                    input_tokens=answer.input_tokens,
                    generated_tokens=answer.generated_tokens,
                    soft_prompt_tokens=answer.soft_prompt_tokens,
                )
            error = "" if answer.failure is None else answer.failure.reason
            outcome = InferenceOutcome(usage=usage, seconds=seconds, error=error)
            self._plugins.after_generate(self._call(answer.row, tuned), outcome)

    def _call(self, row: int, tuned: TunedModel | None) -> InferenceCall:
        return InferenceCall(
            id=f"{self._job.id}-{row}",
            tenant=self._job.tenant,
            base_model=self._job.config.base_model,
            adapter_sha256="" if tuned is None else tuned.content_sha256,
            labels=self._job.config.classify is not None,
        )

    def _progress(self) -> BatchJobProgress:
        left = None
        if self._answered_here:
            left = (time.monotonic() - self._started) / self._answered_here * (self._total - self._answered)
        return BatchJobProgress(
            percent=100.0 * self._answered / max(1, self._total),
            answered_count=self._answered,
            failed_count=self._failed,
            total_count=self._total,
            remaining_seconds=left,
            phase=BatchJobPhase.ANSWERING,
        )

    def _enter(self) -> None:
        """Store how far the work is, at the next heartbeat."""
        with outside():
            self._heartbeat.beat(self._progress())


def _next_part(rows: Iterator[Row]) -> list[Row]:
    """Return the next rows that are answered together; none at the end."""
    part: list[Row] = []
    characters = 0
    for row in islice(rows, PART_ROWS):
        part.append(row)
        characters += len(row.input) + len(row.fields)
        if characters >= PART_CHARACTERS:
            break
    return part
