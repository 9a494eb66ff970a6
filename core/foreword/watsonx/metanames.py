"""Names of the keys in `params` and `meta_props`."""

from __future__ import annotations

from typing import Final


class GenTextParamsMetaNames:
    """Keys of generation parameters. `time_limit` is in milliseconds."""

    DECODING_METHOD: Final = "decoding_method"
    TEMPERATURE: Final = "temperature"
    TOP_P: Final = "top_p"
    TOP_K: Final = "top_k"
    RANDOM_SEED: Final = "random_seed"
    MIN_NEW_TOKENS: Final = "min_new_tokens"
    MAX_NEW_TOKENS: Final = "max_new_tokens"
    STOP_SEQUENCES: Final = "stop_sequences"
    INCLUDE_STOP_SEQUENCE: Final = "include_stop_sequence"
    LENGTH_PENALTY: Final = "length_penalty"
    REPETITION_PENALTY: Final = "repetition_penalty"
    TIME_LIMIT: Final = "time_limit"
    TRUNCATE_INPUT_TOKENS: Final = "truncate_input_tokens"
    RETURN_OPTIONS: Final = "return_options"
    PROMPT_VARIABLES: Final = "prompt_variables"


class GenTextReturnOptMetaNames:
    """Keys of `return_options`: what to return besides the text."""

    INPUT_TEXT: Final = "input_text"
    GENERATED_TOKENS: Final = "generated_tokens"
    INPUT_TOKENS: Final = "input_tokens"
    TOKEN_LOGPROBS: Final = "token_logprobs"  # noqa: S105 - no password
    TOKEN_RANKS: Final = "token_ranks"  # noqa: S105 - no password
    TOP_N_TOKENS: Final = "top_n_tokens"


class DeploymentMetaNames:
    """Keys of the properties of a deployment."""

    NAME: Final = "name"
    ONLINE: Final = "online"
    SERVING_NAME: Final = "serving_name"
    DESCRIPTION: Final = "description"
    TAGS: Final = "tags"
