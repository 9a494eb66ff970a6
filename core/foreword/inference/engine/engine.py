"""The engine: one thread that owns torch, answering requests with different adapters in the same batch.

Event loop                          loader threads                      engine thread
----------                          --------------                      -------------
generate, classify: tokens counted  tokenize, check length         ->   take in new rows, one decoding step for all,
against the queue's bound, base                                         answers back with call_soon_threadsafe
model held, adapter read (on
threads of its own)            ->

A request reaches the engine's thread complete, so a look-up that fails concerns that request alone and no row of a
batch ever moves for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from foreword.domain.inference import Classification
from foreword.errors import ForewordError, InvalidArgumentError, NotFoundError, UnavailableError
from foreword.inference.engine.adapter_loader import AdapterLoader
from foreword.inference.engine.adapter_readers import AdapterReaders
from foreword.inference.engine.answer_tokens import returns_tokens, with_tokens
from foreword.inference.engine.artifact_reading import ReadArtifact
from foreword.inference.engine.candidate_store import CandidateStore
from foreword.inference.engine.job import Job
from foreword.inference.engine.model_scheduler import ModelScheduler
from foreword.inference.engine.preparation import (
    check_characters,
    estimate_cost,
    estimate_tokens,
    make_job,
    readable_text,
)
from foreword.inference.engine.thread import EngineThread
from foreword.inference.engine.token_budget import TokenBudget
from foreword.inference.errors import deadline_error, draining_error
from foreword.inference.interfaces import (
    AdapterReference,
    EngineLoad,
    EngineMeter,
    EngineRequest,
    EngineSettings,
    NullMeter,
    Piece,
    Tokens,
)
from foreword.inference.labels.candidates import Candidates
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.residency.model_residency import Hold, ModelResidency
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import BaseModel, LoadedModel, TuningMethod
from foreword.turns.turn_pool import SERVICE, TurnPool

_LOADERS: Final = 3
_COUNTERS: Final = 2
"""Threads that only count tokens. They compute all the time, and more of them would keep the event loop waiting."""
_MAX_WAITING: Final = 2000
"""Calls that may wait for a loader thread."""
_SECONDS_PER_CHARACTER: Final = 1e-6
"""Estimated cost of tokenizing."""
_MOST_LABEL_CHARACTERS: Final = 32_768
"""Characters of labels that are charged in advance."""


class InferenceEngine:
    """The engine for base models and tuned models; see EngineClient for the contract of its methods.

    Args:
        base_models: Base models by id; loaded on first use, and kept as the budget allows.
        methods: Tuning methods by tuning type.
        read_artifact: Reads an adapter's files; called on a loader thread.
        settings: The settings of the engine.
        meter: Receives what the engine measures.
    """

    def __init__(
        self,
        *,
        base_models: Mapping[str, BaseModel],
        methods: Mapping[str, TuningMethod],
        read_artifact: ReadArtifact,
        settings: EngineSettings | None = None,
        meter: EngineMeter | None = None,
    ) -> None:
        self._base_models = base_models
        self._meter = meter or NullMeter()
        self._settings = settings or EngineSettings()
        self._adapters = AdapterLoader(
            methods=methods, read_artifact=read_artifact, max_bytes=self._settings.prompt_cache_bytes
        )
        self._readers = AdapterReaders(self._adapters)
        self._candidates = CandidateStore(self._settings.label_cache_bytes)
        self._budget = TokenBudget(self._settings.max_queued_tokens)
        self._loaders = TurnPool("foreword-loader", threads=_LOADERS, max_waiting=_MAX_WAITING)
        self._counters = TurnPool("foreword-counter", threads=_COUNTERS, max_waiting=_MAX_WAITING)
        self._residency = ModelResidency(
            wrap=self._schedule,
            unload=self._unload,
            budget=self._settings.base_model_budget,
            device=self._settings.device,
            dtype=self._settings.dtype,
        )
        self._thread = EngineThread(self._budget, self._settings.threads)
        self._draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()

    def start(self, on_lost: Callable[[], object] = lambda: None) -> None:
        """Start the engine's thread.

        Args:
            on_lost: Called on that thread when it ends by itself, as it does when its device is lost. Requests fail
                with UnavailableError from then on, and only a new process can answer them.
        """
        self._thread.start(on_lost)

    async def drain(self, timeout_seconds: float) -> bool:
        """Take no new requests, and wait for those under way.

        Returns:
            Whether all were finished in time.
        """
        self._draining = True
        if self._in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        return not self._in_flight

    def stop(self) -> None:
        """End the thread; requests under way fail with UnavailableError."""
        self._draining = True
        self._thread.stop()
        self._residency.close()
        self._readers.close()
        self._loaders.close()
        self._counters.close()

    def load(self) -> EngineLoad:
        """Count the requests, tokens and rows that the engine has at the moment. It may be called on any thread."""
        hits, misses = self._adapters.uses
        return EngineLoad(
            queued_requests=self._thread.waiting,
            queued_tokens=self._budget.total,
            running_rows=self._thread.running,
            model_bytes={resident.name: resident.byte_size for resident in self._residency.residents()},
            prompt_cache_bytes=self._adapters.byte_size,
            prompt_cache_hits=hits,
            prompt_cache_misses=misses,
        )

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which adapters or label spaces are in memory."""
        return self._adapters.tenants | self._candidates.tenants

    def forget_tenant(self, tenant: str) -> None:
        """Drop the adapters and label spaces of a tenant from memory. Requests that use them are not affected."""
        self._adapters.drop_tenant(tenant)
        self._candidates.drop_tenant(tenant)

    @property
    def schedulers(self) -> tuple[ModelScheduler, ...]:
        """The schedulers of the base models that are loaded."""
        return self._thread.schedulers

    async def preload(self, base_model: str) -> None:
        """Load a base model now instead of on first use."""
        self._check_open()
        async with self._runner(SERVICE, base_model):
            pass

    async def tokenize(self, tenant: str, base_model: str, text: str, *, with_texts: bool = False) -> Tokens:
        """Tokenize an input, counted against the tenant's share of the queue while its base model is loaded."""
        check_characters(text, self._base_model(base_model).spec)
        tokens = estimate_tokens(text) + 1
        self._budget.reserve(tenant, tokens)
        async with contextlib.AsyncExitStack() as stack:
            try:
                runner = await stack.enter_async_context(self._runner(tenant, base_model))
            finally:
                self._budget.release(tenant, tokens)
            return await self._counters.run(tenant, _seconds(text), _tokens, runner, text, with_texts)

    async def probe(self, base_model: str, adapter: AdapterReference | None) -> float:
        """Measure the largest change in nats that an adapter makes to the log-probability of a next token."""
        self._check_open()
        tenant = adapter.tenant if adapter is not None else SERVICE
        async with self._runner(tenant, base_model) as runner:
            loaded = await self._readers.get_anew(runner, adapter)
            return await asyncio.wrap_future(self._thread.call(lambda: runner.probe(loaded)))

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Answer with text; leaving the iteration cancels the request."""
        job, hold = await self._submit(request, labels=False)
        try:
            while True:
                answer = await job.answers.get()
                if isinstance(answer, ForewordError):
                    raise answer
                assert isinstance(answer, Piece)
                if answer.final is not None:
                    # A call of the tokenizer for each token: neither for the event loop nor for the engine's thread.
                    if returns_tokens(request):
                        answer = await self._loaders.run(
                            request.tenant,
                            _seconds(request.text),
                            with_tokens,
                            answer,
                            job,
                            hold.loaded.result().runner,
                        )
                    yield answer
                    return
                yield answer
        finally:
            self._leave(job, hold)

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of a closed task; cancelling the task cancels the request."""
        if request.label_space is None:
            raise InvalidArgumentError.of("labels", "must be given for a model that was not tuned for a closed task")
        job, hold = await self._submit(request, labels=True)
        try:
            answer = await job.answers.get()
        finally:
            self._leave(job, hold)
        if isinstance(answer, ForewordError):
            raise answer
        assert isinstance(answer, Classification)
        return answer

    async def _submit(self, request: EngineRequest, *, labels: bool) -> tuple[Job, Hold[ModelScheduler]]:
        """Count a request, prepare it and hand it to the engine's thread.

        Returns:
            The job, and the hold that keeps its base model in memory until the caller leaves.
        """
        arrival = time.monotonic()
        self._check_open()
        text = readable_text(request, self._base_model(request.base_model).spec)
        known = self._candidates.find(request)
        tokens = estimate_cost(request, text, known)
        self._budget.reserve(request.tenant, tokens)
        self._in_flight += 1
        self._idle.clear()
        hold: Hold[ModelScheduler] | None = None
        try:
            hold = await self._hold(request.tenant, request.base_model)
            loop = asyncio.get_running_loop()
            runner = hold.loaded.result().runner
            adapter = await self._readers.get(runner, request.adapter)
            seconds = _seconds(text, _labels_to_tokenize(request, known))
            job = await self._loaders.run(
                request.tenant, seconds, self._prepare, runner, request, text, adapter, labels, loop
            )
            job.arrival = arrival
            limit = request.parameters.time_limit
            if limit is not None and request.label_space is None:
                job.ends_at = arrival + limit.total_seconds()
            self._budget.resize(request.tenant, tokens, job.tokens)
            tokens = job.tokens
            if request.deadline is not None and time.monotonic() >= request.deadline:
                raise deadline_error()
            self._thread.submit(hold.loaded.result(), job)
        except BaseException:
            if hold is not None:
                hold.release()
            self._ended()
            self._budget.release(request.tenant, tokens)
            raise
        return job, hold

    def _leave(self, job: Job, hold: Hold[ModelScheduler]) -> None:
        """Let go of a job whose caller has its answer or has gone."""
        job.cancelled = True
        self._thread.note_cancel()
        hold.release()
        self._ended()

    def _ended(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def _check_open(self) -> None:
        if self._draining or not self._thread.runs:
            raise draining_error()

    def _prepare(
        self,
        runner: ModelRunner,
        request: EngineRequest,
        text: str,
        adapter: LoadedAdapter | None,
        labels: bool,
        loop: asyncio.AbstractEventLoop,
    ) -> Job:
        """Make a request ready for a batch. Runs on a loader thread."""
        candidates = self._candidates.get(request, runner.make_candidates)
        return make_job(request, text, runner=runner, adapter=adapter, candidates=candidates, labels=labels, loop=loop)

    def _base_model(self, name: str) -> BaseModel:
        """Return an installed base model, loaded or not."""
        base = self._base_models.get(name)
        if base is None:
            raise NotFoundError.of(f"baseModels/{name[:128]}", "List the installed base models.")
        return base

    async def _hold(self, tenant: str, name: str) -> Hold[ModelScheduler]:
        """Take a base model, which is loaded if need be; requests for one model wait for a single load."""
        hold = self._residency.hold(self._base_model(name), tenant)
        try:
            if not hold.loaded.done():
                # Shielded: others may wait for the same load when this request is cancelled.
                await asyncio.shield(asyncio.wrap_future(hold.loaded))
            hold.loaded.result()
        except BaseException:
            hold.release()
            raise
        return hold

    @contextlib.asynccontextmanager
    async def _runner(self, tenant: str, name: str) -> AsyncIterator[ModelRunner]:
        """A base model, held while the block runs."""
        hold = await self._hold(tenant, name)
        try:
            yield hold.loaded.result().runner
        finally:
            hold.release()

    def _schedule(self, model: LoadedModel) -> ModelScheduler:
        """Give a loaded base model its turns. Runs on the loading thread."""
        scheduler = ModelScheduler(
            ModelRunner(model, pack=True),
            max_rows=self._settings.max_batch_rows,
            prefill_tokens=self._settings.prefill_tokens,
            deliver=self._thread.deliver,
            admitted=self._thread.admitted,
            meter=self._meter,
        )
        self._thread.add(scheduler)
        return scheduler

    def _unload(self, base: BaseModel, scheduler: ModelScheduler) -> None:
        """Release a base model that is not in use, and its adapters. Runs on the loading thread.

        What is left in its queues was cancelled; the engine's thread ends it, so that no turn still uses the weights.
        """
        with contextlib.suppress(UnavailableError):  # the engine is stopping, and everything with it
            self._thread.call(partial(self._thread.remove, scheduler)).result()
        self._adapters.drop(base.spec.id)
        self._candidates.drop(base.spec.id)


def _labels_to_tokenize(request: EngineRequest, known: Candidates | None) -> Sequence[str]:
    return () if request.label_space is None or known is not None else request.label_space.labels


def _seconds(text: str, labels: Sequence[str] = ()) -> float:
    """Estimate the cost of tokenizing a text, and of beginning with labels, which pay for the rest as they go."""
    begun = min(sum(map(len, labels)), _MOST_LABEL_CHARACTERS)
    return _SECONDS_PER_CHARACTER * (len(text) + 100 + begun)


def _tokens(runner: ModelRunner, text: str, with_texts: bool) -> Tokens:
    """Tokenize a text; the texts of tokens take a call per token and are computed only on request."""
    ids = tuple(runner.tokenize(text))
    return Tokens(ids=ids, texts=runner.token_texts(ids) if with_texts else ())
