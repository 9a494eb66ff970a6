import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_REASON_UNSPECIFIED: _ClassVar[StopReason]
    STOP_REASON_EOS_TOKEN: _ClassVar[StopReason]
    STOP_REASON_STOP_SEQUENCE: _ClassVar[StopReason]
    STOP_REASON_MAX_TOKENS: _ClassVar[StopReason]
    STOP_REASON_TIME_LIMIT: _ClassVar[StopReason]
    STOP_REASON_CANCELLED: _ClassVar[StopReason]
STOP_REASON_UNSPECIFIED: StopReason
STOP_REASON_EOS_TOKEN: StopReason
STOP_REASON_STOP_SEQUENCE: StopReason
STOP_REASON_MAX_TOKENS: StopReason
STOP_REASON_TIME_LIMIT: StopReason
STOP_REASON_CANCELLED: StopReason

class StructuredPrompt(_message.Message):
    __slots__ = ("instruction", "examples", "input", "input_prefix", "output_prefix")
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    INPUT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    instruction: str
    examples: _containers.RepeatedCompositeFieldContainer[PromptExample]
    input: str
    input_prefix: str
    output_prefix: str
    def __init__(self, instruction: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[PromptExample, _Mapping]]] = ..., input: _Optional[str] = ..., input_prefix: _Optional[str] = ..., output_prefix: _Optional[str] = ...) -> None: ...

class PromptExample(_message.Message):
    __slots__ = ("input", "output")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    input: str
    output: str
    def __init__(self, input: _Optional[str] = ..., output: _Optional[str] = ...) -> None: ...

class GenerateParameters(_message.Message):
    __slots__ = ("decoding_method", "temperature", "top_p", "top_k", "random_seed", "min_new_tokens", "max_new_tokens", "stop_sequences", "include_stop_sequence", "repetition_penalty", "length_penalty", "time_limit", "truncate_input_tokens", "return_options")
    class DecodingMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DECODING_METHOD_UNSPECIFIED: _ClassVar[GenerateParameters.DecodingMethod]
        DECODING_METHOD_GREEDY: _ClassVar[GenerateParameters.DecodingMethod]
        DECODING_METHOD_SAMPLE: _ClassVar[GenerateParameters.DecodingMethod]
    DECODING_METHOD_UNSPECIFIED: GenerateParameters.DecodingMethod
    DECODING_METHOD_GREEDY: GenerateParameters.DecodingMethod
    DECODING_METHOD_SAMPLE: GenerateParameters.DecodingMethod
    DECODING_METHOD_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    RANDOM_SEED_FIELD_NUMBER: _ClassVar[int]
    MIN_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_STOP_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    LENGTH_PENALTY_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RETURN_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    decoding_method: GenerateParameters.DecodingMethod
    temperature: float
    top_p: float
    top_k: int
    random_seed: int
    min_new_tokens: int
    max_new_tokens: int
    stop_sequences: _containers.RepeatedScalarFieldContainer[str]
    include_stop_sequence: bool
    repetition_penalty: float
    length_penalty: LengthPenalty
    time_limit: _duration_pb2.Duration
    truncate_input_tokens: int
    return_options: ReturnOptions
    def __init__(self, decoding_method: _Optional[_Union[GenerateParameters.DecodingMethod, str]] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., random_seed: _Optional[int] = ..., min_new_tokens: _Optional[int] = ..., max_new_tokens: _Optional[int] = ..., stop_sequences: _Optional[_Iterable[str]] = ..., include_stop_sequence: _Optional[bool] = ..., repetition_penalty: _Optional[float] = ..., length_penalty: _Optional[_Union[LengthPenalty, _Mapping]] = ..., time_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., truncate_input_tokens: _Optional[int] = ..., return_options: _Optional[_Union[ReturnOptions, _Mapping]] = ...) -> None: ...

class LengthPenalty(_message.Message):
    __slots__ = ("decay_factor", "start_index")
    DECAY_FACTOR_FIELD_NUMBER: _ClassVar[int]
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    decay_factor: float
    start_index: int
    def __init__(self, decay_factor: _Optional[float] = ..., start_index: _Optional[int] = ...) -> None: ...

class ReturnOptions(_message.Message):
    __slots__ = ("input_text", "input_tokens", "generated_tokens", "token_log_probabilities", "token_ranks", "top_n_tokens")
    INPUT_TEXT_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_RANKS_FIELD_NUMBER: _ClassVar[int]
    TOP_N_TOKENS_FIELD_NUMBER: _ClassVar[int]
    input_text: bool
    input_tokens: bool
    generated_tokens: bool
    token_log_probabilities: bool
    token_ranks: bool
    top_n_tokens: int
    def __init__(self, input_text: _Optional[bool] = ..., input_tokens: _Optional[bool] = ..., generated_tokens: _Optional[bool] = ..., token_log_probabilities: _Optional[bool] = ..., token_ranks: _Optional[bool] = ..., top_n_tokens: _Optional[int] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("text", "id", "log_probability", "rank", "top_tokens")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    TOP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    text: str
    id: int
    log_probability: float
    rank: int
    top_tokens: _containers.RepeatedCompositeFieldContainer[TopToken]
    def __init__(self, text: _Optional[str] = ..., id: _Optional[int] = ..., log_probability: _Optional[float] = ..., rank: _Optional[int] = ..., top_tokens: _Optional[_Iterable[_Union[TopToken, _Mapping]]] = ...) -> None: ...

class TopToken(_message.Message):
    __slots__ = ("text", "id", "log_probability")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    text: str
    id: int
    log_probability: float
    def __init__(self, text: _Optional[str] = ..., id: _Optional[int] = ..., log_probability: _Optional[float] = ...) -> None: ...

class TokenUsage(_message.Message):
    __slots__ = ("input_tokens", "generated_tokens", "soft_prompt_tokens")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOFT_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    generated_tokens: int
    soft_prompt_tokens: int
    def __init__(self, input_tokens: _Optional[int] = ..., generated_tokens: _Optional[int] = ..., soft_prompt_tokens: _Optional[int] = ...) -> None: ...
