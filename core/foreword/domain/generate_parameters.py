"""Generation parameters as they describe themselves: to the service that checks them, and to whoever asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foreword.domain.parameters import ParameterSpec

GENERATE_PARAMETER_SPECS: Final = (
    ParameterSpec(
        name="decoding_method", type="string", default="greedy", choices=("greedy", "sample"),
        description="Always the likeliest token, or one drawn at random.",
    ),
    ParameterSpec(
        name="temperature", type="float", minimum=0, exclusive_minimum=True, maximum=2, default=1.0,
        description="Sampling: divides the logits.",
    ),
    ParameterSpec(
        name="top_p", type="float", minimum=0, exclusive_minimum=True, maximum=1, default=1.0,
        description="Sampling: only the likeliest tokens whose probabilities reach this sum.",
    ),
    ParameterSpec(
        name="top_k", type="int", minimum=0, maximum=1000, default=0, unit="tokens",
        description="Sampling: only this many of the likeliest tokens; 0 means all.",
    ),
    ParameterSpec(
        name="random_seed", type="int", minimum=0, maximum=2**32 - 1,
        description="Sampling: makes the answer repeatable; drawn when unset.",
    ),
    ParameterSpec(
        name="min_new_tokens", type="int", minimum=0, default=0, unit="tokens",
        description="Fewest tokens to generate.",
    ),
    ParameterSpec(
        name="max_new_tokens", type="int", minimum=1, default=128, unit="tokens",
        description="Most tokens to generate.",
    ),
    ParameterSpec(
        name="stop_sequences", type="string_list", default=(),
        description="Texts that end the answer; at most 6 of at most 40 characters.",
    ),
    ParameterSpec(
        name="include_stop_sequence", type="bool", default=False,
        description="The stop sequence stays in the answer.",
    ),
    ParameterSpec(
        name="repetition_penalty", type="float", minimum=1, maximum=2, default=1.0,
        description="Makes tokens that came before less likely; 1 means none.",
    ),
    ParameterSpec(
        name="length_penalty.decay_factor", type="float", minimum=1, exclusive_minimum=True, maximum=10,
        description="Makes the end ever more likely, by this factor for each token.",
    ),
    ParameterSpec(
        name="length_penalty.start_index", type="int", minimum=0, default=0, unit="tokens",
        description="Tokens generated before the length penalty takes effect.",
    ),
    ParameterSpec(
        name="time_limit", type="float", minimum=0.001, maximum=3600, unit="seconds",
        description="Ends the answer with what is there.",
    ),
    ParameterSpec(
        name="truncate_input_tokens", type="int", minimum=0, default=0, unit="tokens",
        description="Keeps only this many of a longer input's last tokens; 0 means all.",
    ),
    ParameterSpec(
        name="return_options.input_text", type="bool", default=False,
        description="Return the input after templates.",
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
        description="Return them with their log-probabilities.",
    ),
    ParameterSpec(
        name="return_options.token_ranks", type="bool", default=False,
        description="Return them with their ranks.",
    ),
    ParameterSpec(
        name="return_options.top_n_tokens", type="int", minimum=0, maximum=20, default=0, unit="tokens",
        description="Return this many of the likeliest tokens in the place of each.",
    ),
)  # fmt: skip
"""Every parameter by its path in `GenerateParameters` of the API, in its order."""

SPECS_BY_PATH: Final[Mapping[str, ParameterSpec]] = {spec.name: spec for spec in GENERATE_PARAMETER_SPECS}
