"""The schedule of one base model: the requests that wait for it, those it is answering, and the work of one turn."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from foreword.domain.inference import Generation, StopReason
from foreword.errors import ForewordError
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import ActiveRow, DecodedText, DecodeRow, RowEvent
from foreword.inference.engine.job import Answer, Job
from foreword.inference.errors import deadline_error, internal_error
from foreword.inference.interfaces import EngineMeter, NullMeter, Piece
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.labels.scoring import Scoring
from foreword.inference.runner import ModelRunner
from foreword.turns.fair_queue import FairQueue

_IDLE_FACTOR: Final = 4
"""Factor of the input tokens read at once while no answer is running that would have to pause."""

_NOTHING: Final = DecodedText(text="", stop_reason=StopReason.TIME_LIMIT, ids=())
"""The answer of a request whose time limit passed before it was begun."""


@dataclass(eq=False, slots=True)
class ModelScheduler:
    """A loaded base model with its queues and its batch. All methods are called on the engine's thread.

    Args:
        runner: Runs the model.
        max_rows: Rows decoded together.
        prefill_tokens: Tokens of inputs and candidates read per turn while answers are running.
        deliver: Sends an answer to the caller of a job.
        admitted: Called with the tokens of a job that no longer wait.
        meter: Receives what is measured.
    """

    runner: ModelRunner
    max_rows: int
    prefill_tokens: int
    deliver: Callable[[Job, Answer], None]
    admitted: Callable[[Job, int], None]
    meter: EngineMeter = field(default_factory=NullMeter)
    batch: DecodeBatch = field(init=False)
    decode_queue: FairQueue[Job] = field(init=False, default_factory=FairQueue)
    score_queue: FairQueue[Job] = field(init=False, default_factory=FairQueue)
    active: dict[ActiveRow, Job] = field(init=False, default_factory=dict)
    taken: list[Job] = field(init=False, default_factory=list)
    """Jobs that a turn has taken from a queue and neither answered nor made active yet, or not all of them."""

    def __post_init__(self) -> None:
        self.batch = DecodeBatch(self.runner.network)

    @property
    def waiting(self) -> int:
        """Number of requests that have not been begun."""
        return len(self.decode_queue) + len(self.score_queue)

    @property
    def busy(self) -> bool:
        """True if a turn has work to do."""
        return bool(self.active or self.waiting)

    def push(self, job: Job) -> None:
        """Queue a job."""
        if job.candidates is None:
            self.decode_queue.push(job.request.tenant, job, job.tokens, first=job.next_tokens)
        else:
            self.score_queue.push(job.request.tenant, job, job.next_tokens, first=self._share_of_turn(job))

    def turn(self) -> None:
        """Begin the jobs that fit, and generate one token for every running answer."""
        budget = self.prefill_tokens * (1 if self.active else _IDLE_FACTOR)
        self._score(self._take(self.score_queue, budget, self.max_rows))
        self._join(self._take(self.decode_queue, budget, self.max_rows - len(self.batch)))
        self.taken.clear()
        if self.batch.rows:
            self._note_batch("decode", self.active.values())
            try:
                events = self.batch.step()
            except Exception:  # the thread's root: an answer that fails must not end the others of other models
                self.fail_active("engine_step_failed")
                return
            self._report(events)

    def sweep(self, now: float) -> None:
        """Drop jobs whose callers no longer wait, and end answers whose time limit has passed."""
        for queue in (self.decode_queue, self.score_queue):
            for job in queue.remove(lambda job: job.expired(now) or job.ended(now)):
                self._release(job)
                self._end_waiting(job, now)
        gone = [row for row, job in self.active.items() if job.expired(now) or job.ended(now)]
        if gone:
            self._report(self.batch.remove(gone, StopReason.TIME_LIMIT))

    def fail_active(self, event: str) -> None:
        """Fail all running answers with an internal error, and go on with an empty batch."""
        jobs, self.active = list(self.active.values()), {}
        self.batch.clear()
        self._fail(jobs, event)

    def fail_all(self, error: ForewordError) -> None:
        """Fail and drop every job, running or waiting. No tensor is touched: the device may be lost."""
        waiting = [*self.decode_queue.remove(_any), *self.score_queue.remove(_any)]
        # A job may have been taken and be active. Whoever has an answer already looks at no second one.
        jobs = dict.fromkeys([*self.active.values(), *self.taken, *waiting])
        self.active, self.taken = {}, []
        self.batch.clear()
        for job in jobs:
            self._release(job)
            self.deliver(job, error)

    def _fail(self, jobs: Sequence[Job], event: str) -> None:
        """Fail jobs because of the exception being handled.

        Raises:
            Exception: The device is lost, so that no other job can be answered either.
        """
        error = internal_error(event)
        for job in jobs:
            self._release(job)
            self.deliver(job, error)
        self.runner.network.check_device()

    def _take(self, queue: FairQueue[Job], budget: int, max_rows: int) -> list[Job]:
        """Take the next jobs from a queue, without those whose callers no longer wait."""
        now = time.monotonic()
        taken = []
        for job in queue.pop(budget, max_rows):
            if job.expired(now) or job.ended(now):
                self._release(job)
                self._end_waiting(job, now)
            else:
                self._release(job, job.next_tokens if job.candidates is not None else job.tokens)
                if job.begin is None:
                    job.begin = now
                    self.meter.begun(job.request.base_model, now - job.arrival)
                taken.append(job)
        self.taken += taken
        return taken

    def _end_waiting(self, job: Job, now: float) -> None:
        if job.cancelled:
            return
        if job.ended(now):
            self.deliver(job, self._last_piece(job, "", _NOTHING))
        else:
            self.deliver(job, deadline_error())

    def _join(self, jobs: Sequence[Job]) -> None:
        """Begin answers. After a fault each is begun alone, so that one cannot fail the others."""
        if not jobs:
            return
        try:
            begun = self.batch.begin(
                [
                    DecodeRow(
                        ids=job.ids, adapter=job.adapter, parameters=job.request.parameters, stream=job.request.stream
                    )
                    for job in jobs
                ]
            )
        except Exception:  # whatever torch raises, it must not reach other requests
            if len(jobs) == 1:
                self._fail(jobs, "engine_prefill_failed")
                return
            for job in jobs:
                self._join([job])
            return
        self.active.update(zip(begun.rows, jobs, strict=True))
        now = time.monotonic()
        for job in jobs:
            job.first_token = now
            self.meter.first_token(job.request.base_model, now - job.arrival)
        self._report(begun.events)
        try:
            self.batch.absorb(begun)
        except Exception:  # likewise, but the batch is lost, and with it the answers that were running
            self.fail_active("engine_join_failed")

    def _share_of_turn(self, job: Job) -> int:
        """Return the tokens of a turn that a pass over a job's candidates takes.

        A pass of a job that takes several turns has its turn for itself: an answer that was scored in the same turn
        would wait for it.
        """
        assert job.candidates is not None
        several = len(job.candidates.parts) > 1 and job.tokens > self.prefill_tokens
        return self.prefill_tokens * _IDLE_FACTOR if several else job.next_tokens

    def _score(self, jobs: Sequence[Job]) -> None:
        """Run one pass over the candidates of each job, and put back the jobs that need another one."""
        fresh = [job for job in jobs if job.scoring is None]
        begun = defaultdict[Scoring, list[Job]](list)
        for job in jobs:
            if job.scoring is not None:
                begun[job.scoring].append(job)
        rows = [job.score_row for job in fresh]
        for group in self.runner.score_groups(rows, max_rows=self.max_rows):
            self._begin_scoring([fresh[place] for place in group])
        for scoring, members in begun.items():
            self._run_pass(scoring, sorted(members, key=lambda job: job.place))

    def _begin_scoring(self, jobs: Sequence[Job]) -> None:
        """Begin closed tasks together."""
        self._note_batch("score", jobs)
        scoring = Scoring(self.runner.network, [job.score_row for job in jobs])
        for place, job in enumerate(jobs):
            job.scoring, job.place = scoring, place
        self._run_pass(scoring, jobs)

    def _run_pass(self, scoring: Scoring, jobs: Sequence[Job]) -> None:
        """Run one pass. After a fault each job is begun anew and alone, so that one cannot fail the others."""
        read = [job.next_tokens for job in jobs]
        try:
            scoring.run([job.place for job in jobs])
        except Exception:  # whatever torch raises, it must not reach other requests
            if len(scoring) == 1:
                self._fail(jobs, "engine_score_failed")
                return
            for job in jobs:
                self._begin_scoring([job])
            return
        again = []
        for job, tokens in zip(jobs, read, strict=True):
            if job.left_passes:
                again.append((job, tokens))
            else:
                self._release(job)
                self._deliver_scores(job, scoring.scored(job.place))
        for job, tokens in reversed(again):  # each is put in front of those before it
            share = self._share_of_turn(job)
            self.score_queue.put_back(job.request.tenant, job, job.next_tokens, first=share, taken=tokens)

    def _deliver_scores(self, job: Job, sets: ScoredSets) -> None:
        try:
            self.deliver(job, self._answer(job, sets))
        except ForewordError as error:
            self.deliver(job, error)

    def _note_batch(self, work: str, jobs: Collection[Job]) -> None:
        """Report the size of a batch, and the number of its adapters."""
        adapters = len({id(job.adapter) for job in jobs})
        self.meter.computed(self.runner.model.spec.id, work, rows=len(jobs), adapters=adapters)

    def _release(self, job: Job, tokens: int | None = None) -> None:
        """Release tokens of a job that no longer wait; None for all that are left."""
        count = job.waiting_tokens if tokens is None else min(tokens, job.waiting_tokens)
        if count:
            job.waiting_tokens -= count
            self.admitted(job, count)

    def _answer(self, job: Job, sets: ScoredSets) -> Answer:
        """Make the answer of a closed task, as labels or as text."""
        assert job.candidates is not None
        sets.check()
        usage = job.usage(sets.token_counts[0])
        if job.labels:
            labels = sets.divided(job.request.label_temperature).classification(
                input_tokens=usage.input_tokens, soft_prompt_tokens=usage.soft_prompt_tokens
            )
            return replace(labels, queue_seconds=job.queue_seconds)
        parameters = job.request.parameters
        place = sets.choose(parameters)
        final = DecodedText(
            text=sets.text(place),
            stop_reason=StopReason.EOS_TOKEN,
            ids=tuple(job.candidates.ids(sets.sets[place])),
        )
        return self._last_piece(job, final.text, final)

    def _report(self, events: Sequence[RowEvent]) -> None:
        """Send new text and finished answers to the callers."""
        for event in events:
            if event.final is None:
                job = self.active[event.row]
                job.shown = True
                self.deliver(job, Piece(text=event.piece, usage=job.usage(event.row.token_count)))
                continue
            job = self.active.pop(event.row)
            # What it was charged for tokens that it has not generated.
            self.decode_queue.charge(job.request.tenant, len(job.ids) + event.final.token_count - job.tokens)
            if job.cancelled:
                continue
            self._note_speed(job, event.final.token_count)
            late = event.final.stop_reason is StopReason.TIME_LIMIT
            if late and not job.shown and not job.ended(time.monotonic()):
                self.deliver(job, deadline_error())
            else:
                self.deliver(job, self._last_piece(job, event.piece, event.final))

    def _note_speed(self, job: Job, tokens: int) -> None:
        """Report the mean time of the tokens of an answer after the first one."""
        if job.first_token is not None and tokens > 1:
            self.meter.generated(job.request.base_model, (time.monotonic() - job.first_token) / (tokens - 1))

    def _last_piece(self, job: Job, text: str, final: DecodedText) -> Piece:
        job.decoded = final
        return Piece(
            text=text,
            final=Generation(
                text=final.text,
                stop_reason=final.stop_reason,
                usage=job.usage(final.token_count),
                seed=job.request.parameters.seed,
                queue_seconds=job.queue_seconds,
            ),
        )


def _any(_: Job) -> bool:
    return True
