from foreword.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SystemEvaluation(_message.Message):
    __slots__ = ("system", "metrics", "main_metric", "row_count", "mean_tokens", "soft_prompt_tokens", "parts", "examples", "intervals", "calibration", "mean_seconds")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class IntervalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Interval
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    MAIN_METRIC_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOFT_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    MEAN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    system: str
    metrics: _containers.ScalarMap[str, float]
    main_metric: str
    row_count: int
    mean_tokens: float
    soft_prompt_tokens: int
    parts: _containers.RepeatedCompositeFieldContainer[_report_pb2.ReportPart]
    examples: _containers.RepeatedCompositeFieldContainer[EvaluationExample]
    intervals: _containers.MessageMap[str, Interval]
    calibration: Calibration
    mean_seconds: float
    def __init__(self, system: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., main_metric: _Optional[str] = ..., row_count: _Optional[int] = ..., mean_tokens: _Optional[float] = ..., soft_prompt_tokens: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[_report_pb2.ReportPart, _Mapping]]] = ..., examples: _Optional[_Iterable[_Union[EvaluationExample, _Mapping]]] = ..., intervals: _Optional[_Mapping[str, Interval]] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ..., mean_seconds: _Optional[float] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("expected_calibration_error", "bins")
    EXPECTED_CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    expected_calibration_error: float
    bins: _containers.RepeatedCompositeFieldContainer[CalibrationBin]
    def __init__(self, expected_calibration_error: _Optional[float] = ..., bins: _Optional[_Iterable[_Union[CalibrationBin, _Mapping]]] = ...) -> None: ...

class CalibrationBin(_message.Message):
    __slots__ = ("mean_probability", "accuracy", "row_count")
    MEAN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    mean_probability: float
    accuracy: float
    row_count: int
    def __init__(self, mean_probability: _Optional[float] = ..., accuracy: _Optional[float] = ..., row_count: _Optional[int] = ...) -> None: ...

class EvaluationExample(_message.Message):
    __slots__ = ("input", "reference", "prediction")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    input: str
    reference: str
    prediction: str
    def __init__(self, input: _Optional[str] = ..., reference: _Optional[str] = ..., prediction: _Optional[str] = ...) -> None: ...
