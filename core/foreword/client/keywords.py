"""Parameters that the client's methods take as keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypedDict

from foreword.domain.inference import LengthPenalty, ReturnOptions


class TuneKeywords(TypedDict, total=False):
    """Tuning parameters, with the ranges and meanings of `TuneParameters`."""

    batch_size: int
    num_epochs: int
    learning_rate: float
    accumulate_steps: int
    max_input_tokens: int
    max_output_tokens: int
    init_method: str
    init_text: str
    init_tuned_model: str
    num_virtual_tokens: int
    seed: int
    validation_split: float
    early_stopping_patience: int
    keep_best: bool
    refit: bool
    optimizer: str
    schedule: str
    warmup_ratio: float
    weight_decay: float
    max_gradient_norm: float


class GenerateKeywords(TypedDict, total=False):
    """Generation parameters. Omitted parameters, and those that are None, take their defaults.

    A model that was tuned for a closed task answers with one of its label sets. `decoding_method`, `temperature`,
    `top_p`, `top_k` and `random_seed` then choose among whole label sets, `truncate_input_tokens` and `return_options`
    work as usual, and the others have no effect.
    """

    decoding_method: str | None
    """`greedy`, the same answer every time, or `sample`. Default `greedy`."""
    temperature: float | None
    """Sampling temperature: the logits are divided by this value. Range (0, 2]. Default 1."""
    top_p: float | None
    """Sample only from the most likely tokens whose probabilities add up to this value. Range (0, 1]. Default 1."""
    top_k: int | None
    """Sample only from this many of the most likely tokens. Range [0, 1000]; 0 means all. Default 0."""
    random_seed: int | None
    """Seed that makes sampling repeatable. Range [0, 2^32). Default: chosen at random and returned in the result."""
    min_new_tokens: int | None
    """Minimum number of tokens to generate. Range [0, max_new_tokens]. Default 0."""
    max_new_tokens: int | None
    """Maximum number of tokens to generate. Range [1, the model's context]. Default 128, or the context if smaller."""
    stop_sequences: Sequence[str]
    """Texts that end the answer: at most 6, of at most 40 characters each. Default: none."""
    include_stop_sequence: bool | None
    """Keep the stop sequence at the end of the answer. Default: no."""
    repetition_penalty: float | None
    """Penalty on tokens that have already occurred. Range [1, 2]. Default 1: no penalty."""
    length_penalty: LengthPenalty | None
    """Penalty that makes the end of the answer more likely with each token. Default: none."""
    time_limit: timedelta | None
    """Time from the request's arrival after which the answer ends as it is. Range [1 ms, 1 h]. Default: none."""
    truncate_input_tokens: int | None
    """Keep only this many of the last tokens of the input. Default 0: all; an input that is too long is refused."""
    return_options: ReturnOptions | None
    """What to return besides the text, such as tokens with their log-probabilities. Default: nothing."""


def generate_keywords(values: Mapping[str, Any]) -> GenerateKeywords:
    """Return the arguments for values by their path in the API, such as `length_penalty.decay_factor`.

    Args:
        values: The values as `ParameterSpec` describes them; `time_limit` is in seconds.
    """
    found = {path: value for path, value in values.items() if "." not in path}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        whole, _, part = path.rpartition(".")
        if whole:
            parts.setdefault(whole, {})[part] = value
    if "time_limit" in found:
        found["time_limit"] = timedelta(seconds=found["time_limit"])
    if "length_penalty" in parts:
        # Without a factor, 0 is sent, and the service reports the allowed range.
        found["length_penalty"] = LengthPenalty(**{"decay_factor": 0.0, **parts["length_penalty"]})
    if "return_options" in parts:
        found["return_options"] = ReturnOptions(**parts["return_options"])
    keywords: GenerateKeywords = found  # type: ignore[assignment]  # by the names of the specs, which a test compares
    return keywords


def generate_values(keywords: GenerateKeywords) -> dict[str, Any]:
    """Return the values of arguments by their path in the API, the opposite of `generate_keywords`."""
    found: dict[str, Any] = {}
    for name, value in keywords.items():
        if isinstance(value, (LengthPenalty, ReturnOptions)):
            found |= {f"{name}.{part}": item for part, item in asdict(value).items() if item is not False}
        elif isinstance(value, timedelta):
            found[name] = value.total_seconds()
        elif value is not None:
            found[name] = value
    return found
