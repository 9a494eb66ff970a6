"""Answers of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreword.domain.inference import LabelSet, StopReason, Token, TokenUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResult:
    """A finished answer.

    Attributes:
        seed: Seed that repeats the answer if passed as `random_seed`.
        model_version: The model behind the serving name.
        input_text: The input after templates and before truncation; None unless requested.
        input_tokens: Tokens of the input after truncation; empty unless requested.
        generated_tokens: Tokens of the answer; empty unless requested.
        request_id: Id of this answer, for `submit_feedback`.
    """

    text: str
    stop_reason: StopReason
    usage: TokenUsage
    seed: int
    model_version: str
    input_text: str | None = None
    input_tokens: tuple[Token, ...] = ()
    generated_tokens: tuple[Token, ...] = ()
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratePiece:
    """A piece of a streamed answer. The last piece has the whole answer as its `result`."""

    text: str
    result: GenerateResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyResult:
    """Labels with their probabilities.

    Attributes:
        labels: The most likely label set; empty if abstained.
        label_probabilities: For each label, its probability relative to all label sets that were scored.
        label_sets: The most likely label sets, the most likely first.
        abstained: Whether the most likely label set did not reach the threshold.
        threshold: Probability that it had to reach; None if no probability is known to keep `min_precision`.
        request_id: Id of this answer, for `submit_feedback`.
    """

    labels: tuple[str, ...]
    label_probabilities: Mapping[str, float]
    label_sets: tuple[LabelSet, ...]
    abstained: bool
    usage: TokenUsage
    model_version: str
    threshold: float | None = None
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeResult:
    """A token count. `part_token_counts` has the count of each part of a structured prompt."""

    token_count: int
    tokens: tuple[str, ...]
    part_token_counts: Mapping[str, int]
    soft_prompt_tokens: int
