"""Specifications of the generation parameters: the service checks values against them and lists them to clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foreword.domain.parameters import ParameterSpec

GENERATE_PARAMETER_SPECS: Final = (
    ParameterSpec(
        name="decoding_method", type="string", default="greedy", choices=("greedy", "sample"),
        description="How to choose the next token: the most likely one (greedy), or one drawn at random (sample).",
    ),
    ParameterSpec(
        name="temperature", type="float", minimum=0, exclusive_minimum=True, maximum=2, default=1.0,
        description="Sampling temperature: the logits are divided by this value.",
    ),
    ParameterSpec(
        name="top_p", type="float", minimum=0, exclusive_minimum=True, maximum=1, default=1.0,
        description="Sample only from the most likely tokens whose probabilities add up to this value.",
    ),
    ParameterSpec(
        name="top_k", type="int", minimum=0, maximum=1000, default=0, unit="tokens",
        description="Sample only from this many of the most likely tokens; 0 means all.",
    ),
    ParameterSpec(
        name="random_seed", type="int", minimum=0, maximum=2**32 - 1,
        description="Seed that makes sampling repeatable; chosen at random if unset.",
    ),
    ParameterSpec(
        name="min_new_tokens", type="int", minimum=0, default=0, unit="tokens",
        description="Minimum number of tokens to generate.",
    ),
    ParameterSpec(
        name="max_new_tokens", type="int", minimum=1, default=128, unit="tokens",
        description="Maximum number of tokens to generate.",
    ),
    ParameterSpec(
        name="stop_sequences", type="string_list", default=(),
        description="Texts that end the answer: at most 6, of at most 40 characters each.",
    ),
    ParameterSpec(
        name="include_stop_sequence", type="bool", default=False,
        description="Keep the stop sequence at the end of the answer.",
    ),
    ParameterSpec(
        name="repetition_penalty", type="float", minimum=1, maximum=2, default=1.0,
        description="Penalty on tokens that have already occurred; 1 means no penalty.",
    ),
    ParameterSpec(
        name="length_penalty.decay_factor", type="float", minimum=1, exclusive_minimum=True, maximum=10,
        description="Factor by which the end of the answer becomes more likely with each token.",
    ),
    ParameterSpec(
        name="length_penalty.start_index", type="int", minimum=0, default=0, unit="tokens",
        description="Number of tokens generated before the length penalty takes effect.",
    ),
    ParameterSpec(
        name="time_limit", type="float", minimum=0.001, maximum=3600, unit="seconds",
        description="Time after which the answer ends, with the text generated so far.",
    ),
    ParameterSpec(
        name="truncate_input_tokens", type="int", minimum=0, default=0, unit="tokens",
        description="Keep only this many of the last tokens of the input; 0 means all.",
    ),
    ParameterSpec(
        name="return_options.input_text", type="bool", default=False,
        description="Return the input after the templates are applied.",
    ),
    ParameterSpec(
        name="return_options.input_tokens", type="bool", default=False,
        description="Return the tokens of the input.",
    ),
    ParameterSpec(
        name="return_options.generated_tokens", type="bool", default=False,
        description="Return the tokens of the answer.",
    ),
    ParameterSpec(
        name="return_options.token_log_probabilities", type="bool", default=False,
        description="Return the log-probability of each returned token.",
    ),
    ParameterSpec(
        name="return_options.token_ranks", type="bool", default=False,
        description="Return the rank of each returned token.",
    ),
    ParameterSpec(
        name="return_options.top_n_tokens", type="int", minimum=0, maximum=20, default=0, unit="tokens",
        description="Return this many of the most likely alternatives for each returned token.",
    ),
)  # fmt: skip
"""Every parameter of the API's `GenerateParameters`, named by its path, in the order of the API."""

SPECS_BY_PATH: Final[Mapping[str, ParameterSpec]] = {spec.name: spec for spec in GENERATE_PARAMETER_SPECS}
