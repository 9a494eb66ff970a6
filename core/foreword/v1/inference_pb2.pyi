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
    __slots__ = ("decoding_method", "temperature", "top_p", "top_k", "random_seed", "min_new_tokens", "max_new_tokens", "stop_sequences", "include_stop_sequence")
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
    decoding_method: GenerateParameters.DecodingMethod
    temperature: float
    top_p: float
    top_k: int
    random_seed: int
    min_new_tokens: int
    max_new_tokens: int
    stop_sequences: _containers.RepeatedScalarFieldContainer[str]
    include_stop_sequence: bool
    def __init__(self, decoding_method: _Optional[_Union[GenerateParameters.DecodingMethod, str]] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., random_seed: _Optional[int] = ..., min_new_tokens: _Optional[int] = ..., max_new_tokens: _Optional[int] = ..., stop_sequences: _Optional[_Iterable[str]] = ..., include_stop_sequence: _Optional[bool] = ...) -> None: ...

class TokenUsage(_message.Message):
    __slots__ = ("input_tokens", "generated_tokens", "soft_prompt_tokens")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOFT_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    generated_tokens: int
    soft_prompt_tokens: int
    def __init__(self, input_tokens: _Optional[int] = ..., generated_tokens: _Optional[int] = ..., soft_prompt_tokens: _Optional[int] = ...) -> None: ...
