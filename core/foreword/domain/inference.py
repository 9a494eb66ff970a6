"""How answers are made, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum


class StopReason(Enum):
    """Why an answer ended."""

    EOS_TOKEN = "eos_token"  # noqa: S105 - no password
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthPenalty:
    """Makes the end of an answer ever more likely.

    Attributes:
        decay_factor: Above 1; the end token's logit grows by its size times `decay_factor ** n - 1`.
        start_index: Tokens generated before n begins to count.
    """

    decay_factor: float
    start_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOptions:
    """What an answer tells besides its text. Details of tokens come with `input_tokens` and `generated_tokens`.

    Attributes:
        top_n_tokens: How many of the likeliest tokens to tell in the place of each.
    """

    input_tokens: bool = False
    generated_tokens: bool = False
    input_text: bool = False
    token_log_probabilities: bool = False
    token_ranks: bool = False
    top_n_tokens: int = 0

    @property
    def details(self) -> bool:
        """Whether tokens are told with anything that only the model's logits know."""
        return self.token_log_probabilities or self.token_ranks or self.top_n_tokens > 0

    @property
    def input_details(self) -> bool:
        """Whether that is wanted of the input's tokens."""
        return self.input_tokens and self.details

    @property
    def generated_details(self) -> bool:
        """Whether that is wanted of the answer's tokens."""
        return self.generated_tokens and self.details


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParameters:
    """How to choose and when to stop, with nothing left open.

    Attributes:
        sample: Draw the next token at random instead of taking the likeliest.
        temperature: Divides the logits when sampling.
        top_k: Only this many of the likeliest tokens when sampling; 0 means all.
        top_p: Only the likeliest tokens whose probabilities reach this sum when sampling.
        seed: Seed of this request alone; what other requests do never changes its draws.
        repetition_penalty: Divides the logits of tokens that came before, in the answer and, for causal models, in the
            input; 1 for none.
        time_limit: From the request's arrival until the answer ends as it is; None for no limit.
        truncate_input_tokens: Only this many of the input's last tokens; 0 for all.
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
    """Tokens of one request; the soft prompt is counted apart."""

    input_tokens: int
    generated_tokens: int
    soft_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopToken:
    """A token that might have stood in a place; its log-probability in nats."""

    text: str
    id: int
    log_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an input or an answer.

    Attributes:
        text: Its text alone; special tokens show their names.
        log_probability: In nats, by the model itself: before penalties, temperature and cuts. None where not asked
            for or not known; likewise the rank, of which 1 is the likeliest.
        top_tokens: The likeliest in its place, likeliest first.
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
        input_text: The input after templates, before truncation; None unless asked for.
        input_tokens: Its tokens, after truncation; empty unless asked for, like those generated.
    """

    text: str
    stop_reason: StopReason
    usage: TokenUsage
    seed: int
    input_text: str | None = None
    input_tokens: tuple[Token, ...] = ()
    generated_tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Labels in canonical order with their share of the probability over all label sets that were scored."""

    labels: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Scored label sets.

    Attributes:
        label_sets: All that were scored, likeliest first.
        label_probabilities: For each label, the summed probability of the label sets that hold it.
    """

    label_sets: tuple[LabelSet, ...]
    label_probabilities: Mapping[str, float]
    usage: TokenUsage
