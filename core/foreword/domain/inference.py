"""Parameters and results of inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum


class StopReason(Enum):
    """The reason why an answer ended."""

    EOS_TOKEN = "eos_token"  # noqa: S105 - no password
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthPenalty:
    """A penalty that makes the end of an answer more likely with each token.

    Attributes:
        decay_factor: Above 1; the end token's logit grows by its magnitude times `decay_factor ** n - 1`.
        start_index: Number of tokens generated before n starts to count.
    """

    decay_factor: float
    start_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOptions:
    """What to return besides the text. Token details need `input_tokens` or `generated_tokens`.

    Attributes:
        top_n_tokens: How many of the most likely alternatives to return for each token.
    """

    input_tokens: bool = False
    generated_tokens: bool = False
    input_text: bool = False
    token_log_probabilities: bool = False
    token_ranks: bool = False
    top_n_tokens: int = 0

    @property
    def details(self) -> bool:
        """True if tokens are to be returned with details that are computed from the model's logits."""
        return self.token_log_probabilities or self.token_ranks or self.top_n_tokens > 0

    @property
    def input_details(self) -> bool:
        """True if the input's tokens are to be returned with such details."""
        return self.input_tokens and self.details

    @property
    def generated_details(self) -> bool:
        """True if the answer's tokens are to be returned with such details."""
        return self.generated_tokens and self.details


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParameters:
    """Fully resolved parameters of a generation: how to choose tokens and when to stop.

    Attributes:
        sample: Draw the next token at random instead of taking the most likely one.
        temperature: Divisor of the logits when sampling.
        top_k: Sample only from this many of the most likely tokens; 0 means all.
        top_p: Sample only from the most likely tokens whose probabilities add up to this value.
        seed: Seed of this request; other requests in the same batch do not influence its draws.
        repetition_penalty: Divisor of the logits of tokens that have already occurred in the answer or, for causal
            models, in the input; 1 for no penalty.
        time_limit: Time from the request's arrival until the answer ends as it is; None for no limit.
        truncate_input_tokens: Keep only this many of the last tokens of the input; 0 for all.
    """

    sample: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    min_new_tokens: int = 0
    max_new_tokens: int = 128
    stop_sequences: tuple[str, ...] = ()
    include_stop_sequence: bool = False
    repetition_penalty: float = 1.0
    length_penalty: LengthPenalty | None = None
    time_limit: timedelta | None = None
    truncate_input_tokens: int = 0
    return_options: ReturnOptions = field(default_factory=ReturnOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Token counts of one request; the soft prompt is counted separately."""

    input_tokens: int
    generated_tokens: int
    soft_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopToken:
    """A likely token at some position, with its log-probability in nats."""

    text: str
    id: int
    log_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an input or an answer.

    Attributes:
        text: Text of this token alone; special tokens show their names.
        log_probability: Log-probability in nats as given by the model, before penalties, temperature, top-k and top-p.
            None if not requested or not known.
        rank: Rank among all tokens, 1 for the most likely; None if not requested or not known.
        top_tokens: The most likely tokens at this position, the most likely first.
    """

    text: str
    id: int
    log_probability: float | None = None
    rank: int | None = None
    top_tokens: tuple[TopToken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A finished answer.

    Attributes:
        input_text: The input after templates and before truncation; None unless requested.
        input_tokens: Tokens of the input after truncation; empty unless requested.
        generated_tokens: Tokens of the answer; empty unless requested.
        queue_seconds: Time from the arrival at the engine until the request was in a batch; 0 if it never was.
    """

    text: str
    stop_reason: StopReason
    usage: TokenUsage
    seed: int
    input_text: str | None = None
    input_tokens: tuple[Token, ...] = ()
    generated_tokens: tuple[Token, ...] = ()
    queue_seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Labels in canonical order, with their probability relative to all label sets that were scored."""

    labels: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The result of scoring label sets.

    Attributes:
        label_sets: All label sets that were scored, the most likely first.
        label_probabilities: For each label, the total probability of the label sets that contain it.
        queue_seconds: Time from the arrival at the engine until the request was in a batch.
    """

    label_sets: tuple[LabelSet, ...]
    label_probabilities: Mapping[str, float]
    usage: TokenUsage
    queue_seconds: float = field(default=0.0, compare=False)
