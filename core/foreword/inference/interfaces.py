"""The interface of the engine: requests, answers, settings and the protocol that the server calls.

A request is self-contained: the same one can be answered by an engine in this process or on another machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from foreword.domain.inference import Classification, GenerateParameters, Generation, TokenUsage
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.plugin.interfaces import LabelSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The settings of an engine.

    Attributes:
        device: Torch device, such as `cpu`.
        dtype: `float32`, `bfloat16` or `auto`, which chooses the faster one on this machine.
        threads: Threads of one torch operation; 0 leaves the choice to torch.
        max_batch_rows: Rows of one base model that are decoded together.
        max_queued_tokens: Tokens (input and requested output) that may wait before requests are refused.
        prompt_cache_bytes: Memory for loaded adapters.
        label_cache_bytes: Memory for the tokens of label spaces; tenants share it.
        base_model_budget: Memory for the weights of base models that are kept loaded.
        prefill_tokens: Tokens of new requests (inputs, soft prompts, candidates to score) read between two decoding
            steps; bounds how long running answers pause for it.
    """

    device: str = "cpu"
    dtype: str = "auto"
    threads: int = 0
    max_batch_rows: int = 32
    max_queued_tokens: int = 65_536
    prompt_cache_bytes: int = 256 * 2**20
    label_cache_bytes: int = 32 * 2**20
    base_model_budget: MemoryBudget = field(default_factory=MemoryBudget)
    prefill_tokens: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterReference:
    """A tuned model's artifact.

    Attributes:
        artifact: Key prefix in the artifact store.
        content_sha256: SHA-256 of its tensors file in hexadecimal; what is read must have it.
        config_sha256: Likewise of its configuration file; empty where none was recorded.
    """

    tenant: str
    base_model: str
    tuning_type: str
    artifact: str
    content_sha256: str
    config_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """One request, complete: the engine looks nothing up.

    Attributes:
        id: Name of the request in logs.
        tenant: The tenant whose share of the engine the request uses.
        base_model: Id of the base model, aliases already followed.
        deployment: Serving name or id of the deployment that the caller asked, for metrics; empty if it was none.
        model: Resource name of the model that answers, for traces; empty if no caller asked for it.
        adapter: None for the base model as it is.
        text: Input, after composing and templates.
        deadline: Time of `time.monotonic()` after which the caller no longer waits for the answer; None for never.
        label_space: The closed set of answers; None for free text.
        label_temperature: Divisor of the log-probabilities of the answers of `label_space`, for `classify` only.
        stream: Whether pieces are wanted as they come. Otherwise the whole answer is the first and last piece, and
            a deadline is an error instead of an end.
        shadow: Whether the answer is only compared with another one; see `InferenceCall`.
    """

    id: str
    tenant: str
    base_model: str
    text: str
    deployment: str = ""
    model: str = ""
    adapter: AdapterReference | None = None
    parameters: GenerateParameters = field(default_factory=GenerateParameters)
    deadline: float | None = None
    label_space: LabelSpace | None = None
    label_temperature: float = 1.0
    stream: bool = True
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of an answer. The pieces of one answer add up to its text; only the last one has `final`.

    Attributes:
        usage: What the answer has cost up to this piece, for callers that leave before the last one; None if unknown.
    """

    text: str
    final: Generation | None = None
    usage: TokenUsage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A text as a model reads it, special tokens included.

    Attributes:
        texts: The text of each token; empty unless asked for.
    """

    ids: tuple[int, ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """The work that an engine has at the moment, and what it keeps in memory, for gauges and decisions.

    Attributes:
        model_bytes: Memory of the weights of each base model that is loaded.
        prompt_cache_bytes: Memory of the adapters that are kept.
        prompt_cache_hits: Number of requests so far whose adapter was kept.
        prompt_cache_misses: Number of requests so far whose adapter had to be read.
    """

    queued_requests: int
    queued_tokens: int
    running_rows: int
    model_bytes: Mapping[str, int] = field(default_factory=dict)
    prompt_cache_bytes: int = 0
    prompt_cache_hits: int = 0
    prompt_cache_misses: int = 0


class EngineMeter(Protocol):
    """Receives what an engine measures, on the engine's thread. Its methods must return at once."""

    def begun(self, base_model: str, waited_seconds: float) -> None:
        """Record that a request has entered a batch, and how long after its arrival."""
        ...

    def first_token(self, base_model: str, seconds: float) -> None:
        """Record the time from the arrival of a request to its first token."""
        ...

    def generated(self, base_model: str, seconds_per_token: float) -> None:
        """Record the mean time of the tokens of an answer after the first one."""
        ...

    def computed(self, base_model: str, work: str, *, rows: int, adapters: int) -> None:
        """Record the rows that were computed together, and the number of their different adapters.

        Args:
            work: `decode` for text, `score` for labels.
        """
        ...


class NullMeter:
    """A meter that records nothing."""

    def begun(self, base_model: str, waited_seconds: float) -> None:
        """Do nothing."""

    def first_token(self, base_model: str, seconds: float) -> None:
        """Do nothing."""

    def generated(self, base_model: str, seconds_per_token: float) -> None:
        """Do nothing."""

    def computed(self, base_model: str, work: str, *, rows: int, adapters: int) -> None:
        """Do nothing."""


class EngineClient(Protocol):
    """An engine as the server sees it. Every method is called on the event loop.

    Every request may raise InvalidArgumentError (field `text`, too long), NotFoundError (no such base model),
    FailedPreconditionError (the base model does not fit), ArtifactError (the adapter is missing or corrupt),
    ExhaustedError (the queue is full, or no base model in memory can make room for this one), DeadlineExceededError,
    UnavailableError (draining) and InternalError.
    """

    def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Answer with text; leaving the iteration cancels the request."""
        ...

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of `request.label_space`, which must be set; cancelling the task cancels the request."""
        ...

    async def tokenize(self, tenant: str, base_model: str, text: str, *, with_texts: bool = False) -> Tokens:
        """Tokenize an input, counted against the tenant's share of the queue like any request."""
        ...

    async def probe(self, base_model: str, adapter: AdapterReference | None) -> float:
        """Measure the largest change in nats that an adapter makes to the log-probability of a next token.

        The adapter is read anew, so that a lost or corrupt artifact is noticed although it is in memory still.

        Returns:
            0 without an adapter.

        Raises:
            FailedPreconditionError: The adapter changes nothing, or makes numbers that are not finite.
        """
        ...

    async def preload(self, base_model: str) -> None:
        """Load a base model now instead of on first use."""
        ...

    def load(self) -> EngineLoad:
        """Count the requests, tokens and rows that the engine has at the moment. It may be called on any thread."""
        ...
