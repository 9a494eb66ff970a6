"""The engine: one thread that owns torch, answering requests with different adapters in the same batch.

Event loop                          loader threads                      engine thread
----------                          --------------                      -------------
generate, classify: tokens counted  load base model and adapter,        take in new rows, one decoding step for all,
against the queue's bound      ->   the length, tokenize           ->   answers back with call_soon_threadsafe

A request reaches the engine's thread complete, so a look-up that fails concerns that request alone and no row of a
batch ever moves for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import torch

from foreword.domain.inference import Classification
from foreword.errors import (
    ForewordError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from foreword.inference.adapters import AdapterStore, ReadArtifact, read_contributions
from foreword.inference.admission import TokenBudget
from foreword.inference.interfaces import AdapterReference, EngineLoad, EngineRequest, EngineSettings, Piece, Tokens
from foreword.inference.networks import LoadedAdapter
from foreword.inference.runner import ModelRunner
from foreword.inference.served_model import Answer, Job, ServedModel, deadline_error, internal_error
from foreword.plugin.interfaces import BaseModel, TuningMethod
from foreword.plugin.precision import choose_dtype

Result = TypeVar("Result")

_LOADERS: Final = 4
_CHARACTERS_PER_TOKEN: Final = 3
"""Rough, for the queue's bound before a text is tokenized."""
_MOST_CHARACTERS_PER_TOKEN: Final = 32
"""A text with more than this for each token of the context cannot fit, and is not worth the time to tokenize it."""
_SWEEP_SECONDS: Final = 0.02
_RATE_SECONDS: Final = 1.0
"""Busy time over which the engine's speed is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Work for the engine's thread that is no request.

    Attributes:
        settle: Hands the outcome to the caller's event loop.
    """

    work: Callable[[], float]
    settle: Callable[[float | ForewordError], object]

    def run(self) -> None:
        outcome: float | ForewordError
        try:
            outcome = self.work()
        except ForewordError as error:
            outcome = error
        except Exception:  # the thread's root: whatever torch raises is this call's alone
            outcome = internal_error("engine_call_failed")
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left to tell
            self.settle(outcome)


class InferenceEngine:
    """Serves base models and tuned models; see EngineClient for what its methods promise.

    Args:
        base_models: By id; loaded on first use.
        methods: By tuning type.
        read_artifact: Reads an adapter's files; called on a loader thread.
        settings: How it runs.
    """

    def __init__(
        self,
        *,
        base_models: Mapping[str, BaseModel],
        methods: Mapping[str, TuningMethod],
        read_artifact: ReadArtifact,
        settings: EngineSettings | None = None,
    ) -> None:
        self._base_models = base_models
        self._methods = methods
        self._read_artifact = read_artifact
        self._settings = settings or EngineSettings()
        self._adapters = AdapterStore(self._settings.prompt_cache_bytes)
        self._budget = TokenBudget(self._settings.max_queued_tokens)
        self._loaders = ThreadPoolExecutor(_LOADERS, "foreword-loader")
        # One for all models: transformers switches process-wide state while it loads, and two loads at once break both.
        self._load_lock = threading.Lock()
        self._served: dict[str, ServedModel] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()
        self._inbox: deque[tuple[ServedModel, Job]] = deque()
        self._calls: deque[_Call] = deque()
        self._outbox: list[tuple[Job, Answer]] = []
        self._cancels = False
        self._stopping = False
        self._draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._next_sweep = 0.0
        self._busy_seconds = 0.0
        self._admitted_tokens = 0

    def start(self) -> None:
        """Starts the engine's thread."""
        assert self._thread is None, "the engine was started already"
        self._thread = threading.Thread(target=self._run, name="foreword-engine", daemon=True)
        self._thread.start()

    async def drain(self, timeout_seconds: float) -> bool:
        """Takes no new requests and waits for those under way.

        Returns:
            Whether all were finished in time.
        """
        self._draining = True
        if self._in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        return not self._in_flight

    def stop(self) -> None:
        """Ends the thread; requests under way fail with UnavailableError."""
        self._draining = True
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._loaders.shutdown(wait=False, cancel_futures=True)

    def load(self) -> EngineLoad:
        """What the engine has to do at the moment."""
        served = list(self._served.values())
        return EngineLoad(
            queued_requests=sum(model.waiting for model in served) + len(self._inbox),
            queued_tokens=self._budget.total,
            running_rows=sum(len(model.batch) for model in served),
        )

    async def preload(self, base_model: str) -> None:
        """Loads a base model now instead of on first use."""
        await self._on_loader(self._model, base_model)

    async def tokenize(self, tenant: str, base_model: str, text: str, *, with_texts: bool = False) -> Tokens:
        """Tokens of an input, counted against the tenant's share of the queue like any request."""
        self._check_characters(base_model, text)
        tokens = len(text) // _CHARACTERS_PER_TOKEN + 1
        self._budget.take(tenant, tokens)
        try:
            return await self._on_loader(self._tokens, base_model, text, with_texts)
        finally:
            self._budget.give(tenant, tokens)

    async def probe(self, base_model: str, adapter: AdapterReference | None) -> float:
        """Largest change in nats that the adapter makes to the log-probability of a next token."""
        self._check_open()
        model = await self._on_loader(self._model, base_model)
        loaded = await self._on_loader(partial(self._adapter, model, adapter, stored=True))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[float] = loop.create_future()

        def settle(outcome: float | ForewordError) -> None:
            if future.done():
                return
            if isinstance(outcome, ForewordError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        call = _Call(
            work=lambda: model.runner.probe(loaded),
            settle=lambda outcome: loop.call_soon_threadsafe(settle, outcome),
        )
        with self._wake:
            if self._stopping:
                raise _going_down()
            self._calls.append(call)
            self._wake.notify()
        return await future

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Answers with text; leaving the iteration cancels the request."""
        job = await self._submit(request, labels=False)
        try:
            while True:
                answer = await job.answers.get()
                if isinstance(answer, ForewordError):
                    raise answer
                assert isinstance(answer, Piece)
                yield answer
                if answer.final is not None:
                    return
        finally:
            self._leave(job)

    async def classify(self, request: EngineRequest) -> Classification:
        """Scores the answers of a closed task; cancelling the task cancels the request."""
        if request.label_space is None:
            raise InvalidArgumentError.of("labels", "must be given for a model that was not tuned for a closed task")
        job = await self._submit(request, labels=True)
        try:
            answer = await job.answers.get()
        finally:
            self._leave(job)
        if isinstance(answer, ForewordError):
            raise answer
        assert isinstance(answer, Classification)
        return answer

    async def _submit(self, request: EngineRequest, *, labels: bool) -> Job:
        """Counts a request, prepares it and hands it to the engine's thread."""
        self._check_open()
        self._check_characters(request.base_model, request.text)
        asked = 0 if request.label_space is not None else request.parameters.max_new_tokens
        tokens = len(request.text) // _CHARACTERS_PER_TOKEN + asked
        self._budget.take(request.tenant, tokens)
        self._in_flight += 1
        self._idle.clear()
        try:
            model, job = await self._on_loader(self._prepare, request, labels, asyncio.get_running_loop())
            self._budget.resize(request.tenant, tokens, job.tokens)
            tokens = job.tokens
            if request.deadline is not None and time.monotonic() >= request.deadline:
                raise deadline_error()
            with self._wake:
                if self._stopping:
                    raise _going_down()
                self._inbox.append((model, job))
                self._wake.notify()
        except BaseException:
            self._ended()
            self._budget.give(request.tenant, tokens)
            raise
        return job

    def _leave(self, job: Job) -> None:
        """The caller has its answer or has gone."""
        job.cancelled = True
        self._cancels = True
        self._ended()

    def _ended(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def _check_open(self) -> None:
        if self._draining or self._thread is None:
            raise _going_down()

    def _check_characters(self, base_model: str, text: str) -> None:
        """Refuses a text that cannot fit before anybody spends time on it."""
        base = self._base_models.get(base_model)
        if base is None:
            return
        most = base.spec.context_tokens * _MOST_CHARACTERS_PER_TOKEN
        if len(text) > most:
            raise InvalidArgumentError.of(
                "text",
                f"has {len(text):,} characters, more than the {base.spec.context_tokens} tokens of {base.spec.id} can "
                f"ever hold; shorten it to at most {most:,} characters",
                reason="TEXT_TOO_LONG",
            )

    async def _on_loader(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._loaders, partial(function, *arguments))

    def _prepare(
        self, request: EngineRequest, labels: bool, loop: asyncio.AbstractEventLoop
    ) -> tuple[ServedModel, Job]:
        """Everything that a request needs before it can be in a batch. Runs on a loader thread."""
        model = self._model(request.base_model)
        runner = model.runner
        loaded = self._adapter(model, request.adapter)
        ids = runner.tokenize(request.text)
        runner.check_length(len(ids), loaded)
        candidates = None
        if request.label_space is not None:
            if not request.label_space.labels:
                raise InvalidArgumentError.of("labels", "must hold at least one label")
            candidates = runner.candidates(request.label_space)
        cost = candidates.num_tokens if candidates else request.parameters.max_new_tokens
        return model, Job(
            request=request,
            loop=loop,
            answers=asyncio.Queue(),
            ids=ids,
            adapter=loaded,
            tokens=len(ids) + cost,
            candidates=candidates,
            labels=labels,
        )

    def _tokens(self, base_model: str, text: str, with_texts: bool) -> Tokens:
        """Tokenizes on a loader thread; texts take a call per token and are made only for those who want them."""
        runner = self._model(base_model).runner
        ids = tuple(runner.tokenize(text))
        return Tokens(ids=ids, texts=runner.token_texts(ids) if with_texts else ())

    def _model(self, name: str) -> ServedModel:
        """A base model, loaded if need be. Runs on a loader thread; requests for one model wait for a single load."""
        found = self._served.get(name)
        if found is not None:
            return found
        base = self._base_models.get(name)
        if base is None:
            raise NotFoundError.of(f"baseModels/{name[:200]}", "List the installed base models.")
        with self._load_lock:
            found = self._served.get(name)
            if found is None:
                found = self._load(base)
                self._served[name] = found
        return found

    def _load(self, base: BaseModel) -> ServedModel:
        device = self._settings.device
        model = base.load(device=device, dtype=choose_dtype(self._settings.dtype, device))
        return ServedModel(
            ModelRunner(model),
            max_rows=self._settings.max_batch_rows,
            prefill_tokens=self._settings.prefill_tokens,
            deliver=self._deliver,
            admitted=self._admitted,
        )

    def _adapter(
        self, model: ServedModel, adapter: AdapterReference | None, *, stored: bool = False
    ) -> LoadedAdapter | None:
        """The adapter of a tuned model, loaded if need be or, as `stored`, in any case. Runs on a loader thread."""
        if adapter is None:
            return None
        runner = model.runner
        spec = runner.model.spec

        def load() -> tuple[LoadedAdapter | None, int]:
            method = self._methods.get(adapter.tuning_type)
            if method is None:
                raise NotFoundError(
                    f"The tuning method {adapter.tuning_type[:80]!r} of this tuned model is not installed. Install its "
                    "plugin.",
                    reason="TUNING_METHOD_MISSING",
                )
            loaded = runner.load_adapter(read_contributions(adapter, method, spec, self._read_artifact))
            return loaded, runner.network.adapter_bytes(loaded.length) if loaded else 1

        return self._adapters.refresh(adapter, load) if stored else self._adapters.get(adapter, load)

    def _run(self) -> None:
        """The engine's thread."""
        if self._settings.threads:
            torch.set_num_threads(self._settings.threads)
        with torch.inference_mode():
            while self._wait():
                try:
                    self._turn()
                except Exception:  # the thread's root: it reports, drops what it was doing and goes on
                    self._fail_all(internal_error("engine_turn_failed"))
                self._send()
        self._fail_all(_going_down())
        self._send()

    def _wait(self) -> bool:
        """Waits for work; False when the engine is to stop."""
        with self._wake:
            while not (self._stopping or self._inbox or self._calls or any(m.busy for m in self._served.values())):
                self._wake.wait()
            return not self._stopping

    def _turn(self) -> None:
        """One round: what is new, what nobody waits for, then every base model in turn."""
        while self._inbox:
            model, job = self._inbox.popleft()
            model.push(job)
        if self._calls:
            self._calls.popleft().run()
        served = [model for model in list(self._served.values()) if model.busy]
        begin = time.monotonic()
        if self._cancels or begin >= self._next_sweep:
            self._cancels, self._next_sweep = False, begin + _SWEEP_SECONDS
            for model in served:
                model.sweep(begin)
        for model in served:
            model.turn()
        self._busy_seconds += time.monotonic() - begin
        if self._busy_seconds >= _RATE_SECONDS:
            self._budget.worked(self._admitted_tokens, self._busy_seconds)
            self._admitted_tokens, self._busy_seconds = 0, 0.0

    def _deliver(self, job: Job, answer: Answer) -> None:
        """Notes an answer; all of a turn go out together, as waking an event loop costs a system call."""
        self._outbox.append((job, answer))

    def _admitted(self, job: Job) -> None:
        self._admitted_tokens += job.tokens
        self._budget.give(job.request.tenant, job.tokens)

    def _send(self) -> None:
        """Hands the answers of a turn to the loops of their callers."""
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, []
        loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, Answer]]] = {}
        for job, answer in outbox:
            loops.setdefault(job.loop, []).append((job, answer))
        for loop, answers in loops.items():
            try:
                loop.call_soon_threadsafe(_receive, answers)
            except RuntimeError:
                # The loop was closed: nobody is left to tell.
                continue

    def _fail_all(self, error: ForewordError) -> None:
        """Tells every request that is waiting or running."""
        while self._calls:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left to tell
                self._calls.popleft().settle(error)
        while self._inbox:
            model, job = self._inbox.popleft()
            model.push(job)
        for model in self._served.values():
            model.fail_all(error)


def _going_down() -> UnavailableError:
    return UnavailableError("The service is going down. Try again.", reason="DRAINING")


def _receive(answers: list[tuple[Job, Answer]]) -> None:
    """Runs on the event loop of the callers."""
    for job, answer in answers:
        job.answers.put_nowait(answer)
