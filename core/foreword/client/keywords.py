"""Parameters that methods of the client take as keyword arguments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

from foreword.domain.inference import LengthPenalty, ReturnOptions


class TuneKeywords(TypedDict, total=False):
    """Tuning parameters; ranges and meaning are those of `TuneParameters`."""

    batch_size: int
    num_epochs: int
    learning_rate: float
    accumulate_steps: int
    max_input_tokens: int
    max_output_tokens: int
    init_method: str
    init_text: str
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
    """How an answer is chosen and when it stops; what is left out takes the default.

    A model that was tuned for a closed task answers with one of its label sets: `decoding_method`, `temperature`,
    `top_p`, `top_k` and `random_seed` then choose among whole label sets, `truncate_input_tokens` and `return_options`
    do what they say, and the others have no effect. None is the same as leaving a parameter out.
    """

    decoding_method: str | None
    """`greedy`, the same answer every time, or `sample`. Default `greedy`."""
    temperature: float | None
    """Sampling: divides the logits. Range (0, 2]. Default 1."""
    top_p: float | None
    """Sampling: only the likeliest tokens whose probabilities reach this sum. Range (0, 1]. Default 1."""
    top_k: int | None
    """Sampling: only this many of the likeliest tokens. Range [0, 1000]; 0 means all. Default 0."""
    random_seed: int | None
    """Sampling: makes the answer repeatable. Range [0, 2^32). Default: drawn, and told in the answer."""
    min_new_tokens: int | None
    """Fewest tokens to generate. Range [0, max_new_tokens]. Default 0."""
    max_new_tokens: int | None
    """Most tokens to generate. Range [1, the model's context]. Default 128, or the context where that is smaller."""
    stop_sequences: Sequence[str]
    """Texts that end the answer; at most 6 of at most 40 characters. Default: none."""
    include_stop_sequence: bool | None
    """Whether the stop sequence stays in the answer. Default: no."""
    repetition_penalty: float | None
    """Makes tokens that came before less likely. Range [1, 2]. Default 1: none."""
    length_penalty: LengthPenalty | None
    """Makes the end of the answer ever more likely. Default: none."""
    time_limit: timedelta | None
    """Ends the answer with what is there; counted from the request's arrival. Range [1 ms, 1 h]. Default: none."""
    truncate_input_tokens: int | None
    """Keeps only this many of the last tokens of a longer input. Default 0: never cut, and refused when too long."""
    return_options: ReturnOptions | None
    """What the answer tells besides its text, such as tokens with their log-probabilities. Default: nothing."""
