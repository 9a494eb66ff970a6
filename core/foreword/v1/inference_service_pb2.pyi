from foreword.v1 import inference_pb2 as _inference_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GenerateRequest(_message.Message):
    __slots__ = ("model", "text", "structured", "parameters", "prompt_variables")
    class PromptVariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    structured: _inference_pb2.StructuredPrompt
    parameters: _inference_pb2.GenerateParameters
    prompt_variables: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., structured: _Optional[_Union[_inference_pb2.StructuredPrompt, _Mapping]] = ..., parameters: _Optional[_Union[_inference_pb2.GenerateParameters, _Mapping]] = ..., prompt_variables: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("text", "stop_reason", "usage", "seed", "model_version", "input_text", "input_tokens", "generated_tokens", "request_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_TEXT_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    stop_reason: _inference_pb2.StopReason
    usage: _inference_pb2.TokenUsage
    seed: int
    model_version: str
    input_text: str
    input_tokens: _containers.RepeatedCompositeFieldContainer[_inference_pb2.Token]
    generated_tokens: _containers.RepeatedCompositeFieldContainer[_inference_pb2.Token]
    request_id: str
    def __init__(self, text: _Optional[str] = ..., stop_reason: _Optional[_Union[_inference_pb2.StopReason, str]] = ..., usage: _Optional[_Union[_inference_pb2.TokenUsage, _Mapping]] = ..., seed: _Optional[int] = ..., model_version: _Optional[str] = ..., input_text: _Optional[str] = ..., input_tokens: _Optional[_Iterable[_Union[_inference_pb2.Token, _Mapping]]] = ..., generated_tokens: _Optional[_Iterable[_Union[_inference_pb2.Token, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamGenerateRequest(_message.Message):
    __slots__ = ("model", "text", "structured", "parameters", "prompt_variables")
    class PromptVariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    structured: _inference_pb2.StructuredPrompt
    parameters: _inference_pb2.GenerateParameters
    prompt_variables: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., structured: _Optional[_Union[_inference_pb2.StructuredPrompt, _Mapping]] = ..., parameters: _Optional[_Union[_inference_pb2.GenerateParameters, _Mapping]] = ..., prompt_variables: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StreamGenerateResponse(_message.Message):
    __slots__ = ("text", "stop_reason", "usage", "seed", "model_version", "input_text", "input_tokens", "generated_tokens", "request_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_TEXT_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    stop_reason: _inference_pb2.StopReason
    usage: _inference_pb2.TokenUsage
    seed: int
    model_version: str
    input_text: str
    input_tokens: _containers.RepeatedCompositeFieldContainer[_inference_pb2.Token]
    generated_tokens: _containers.RepeatedCompositeFieldContainer[_inference_pb2.Token]
    request_id: str
    def __init__(self, text: _Optional[str] = ..., stop_reason: _Optional[_Union[_inference_pb2.StopReason, str]] = ..., usage: _Optional[_Union[_inference_pb2.TokenUsage, _Mapping]] = ..., seed: _Optional[int] = ..., model_version: _Optional[str] = ..., input_text: _Optional[str] = ..., input_tokens: _Optional[_Iterable[_Union[_inference_pb2.Token, _Mapping]]] = ..., generated_tokens: _Optional[_Iterable[_Union[_inference_pb2.Token, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchGenerateRequest(_message.Message):
    __slots__ = ("model", "requests", "parameters", "max_response_bytes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    MAX_RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    model: str
    requests: _containers.RepeatedCompositeFieldContainer[GenerateRequest]
    parameters: _inference_pb2.GenerateParameters
    max_response_bytes: int
    def __init__(self, model: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[GenerateRequest, _Mapping]]] = ..., parameters: _Optional[_Union[_inference_pb2.GenerateParameters, _Mapping]] = ..., max_response_bytes: _Optional[int] = ...) -> None: ...

class BatchGenerateResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchGenerateResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchGenerateResult, _Mapping]]] = ...) -> None: ...

class BatchGenerateResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: GenerateResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[GenerateResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("model", "text", "structured", "threshold", "labels", "multi_label", "top_n", "prompt_variables", "truncate_input_tokens", "min_precision")
    class PromptVariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    TOP_N_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MIN_PRECISION_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    structured: _inference_pb2.StructuredPrompt
    threshold: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    multi_label: bool
    top_n: int
    prompt_variables: _containers.ScalarMap[str, str]
    truncate_input_tokens: int
    min_precision: float
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., structured: _Optional[_Union[_inference_pb2.StructuredPrompt, _Mapping]] = ..., threshold: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ..., multi_label: _Optional[bool] = ..., top_n: _Optional[int] = ..., prompt_variables: _Optional[_Mapping[str, str]] = ..., truncate_input_tokens: _Optional[int] = ..., min_precision: _Optional[float] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("labels", "label_probabilities", "label_sets", "abstained", "usage", "model_version", "threshold", "request_id")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    LABEL_SETS_FIELD_NUMBER: _ClassVar[int]
    ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    label_probabilities: _containers.RepeatedCompositeFieldContainer[LabelProbability]
    label_sets: _containers.RepeatedCompositeFieldContainer[LabelSetProbability]
    abstained: bool
    usage: _inference_pb2.TokenUsage
    model_version: str
    threshold: float
    request_id: str
    def __init__(self, labels: _Optional[_Iterable[str]] = ..., label_probabilities: _Optional[_Iterable[_Union[LabelProbability, _Mapping]]] = ..., label_sets: _Optional[_Iterable[_Union[LabelSetProbability, _Mapping]]] = ..., abstained: _Optional[bool] = ..., usage: _Optional[_Union[_inference_pb2.TokenUsage, _Mapping]] = ..., model_version: _Optional[str] = ..., threshold: _Optional[float] = ..., request_id: _Optional[str] = ...) -> None: ...

class LabelProbability(_message.Message):
    __slots__ = ("label", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class LabelSetProbability(_message.Message):
    __slots__ = ("labels", "probability")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    probability: float
    def __init__(self, labels: _Optional[_Iterable[str]] = ..., probability: _Optional[float] = ...) -> None: ...

class TokenizeRequest(_message.Message):
    __slots__ = ("model", "text", "structured", "return_tokens", "prompt_variables")
    class PromptVariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_FIELD_NUMBER: _ClassVar[int]
    RETURN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    structured: _inference_pb2.StructuredPrompt
    return_tokens: bool
    prompt_variables: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., structured: _Optional[_Union[_inference_pb2.StructuredPrompt, _Mapping]] = ..., return_tokens: _Optional[bool] = ..., prompt_variables: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TokenizeResponse(_message.Message):
    __slots__ = ("token_count", "tokens", "part_token_counts", "soft_prompt_tokens")
    class PartTokenCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PART_TOKEN_COUNTS_FIELD_NUMBER: _ClassVar[int]
    SOFT_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    token_count: int
    tokens: _containers.RepeatedScalarFieldContainer[str]
    part_token_counts: _containers.ScalarMap[str, int]
    soft_prompt_tokens: int
    def __init__(self, token_count: _Optional[int] = ..., tokens: _Optional[_Iterable[str]] = ..., part_token_counts: _Optional[_Mapping[str, int]] = ..., soft_prompt_tokens: _Optional[int] = ...) -> None: ...
