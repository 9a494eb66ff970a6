import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DriftVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_VERDICT_UNSPECIFIED: _ClassVar[DriftVerdict]
    DRIFT_VERDICT_STABLE: _ClassVar[DriftVerdict]
    DRIFT_VERDICT_DRIFTED: _ClassVar[DriftVerdict]
    DRIFT_VERDICT_NOT_ENOUGH: _ClassVar[DriftVerdict]
    DRIFT_VERDICT_NO_REFERENCE: _ClassVar[DriftVerdict]
DRIFT_VERDICT_UNSPECIFIED: DriftVerdict
DRIFT_VERDICT_STABLE: DriftVerdict
DRIFT_VERDICT_DRIFTED: DriftVerdict
DRIFT_VERDICT_NOT_ENOUGH: DriftVerdict
DRIFT_VERDICT_NO_REFERENCE: DriftVerdict

class DriftReport(_message.Message):
    __slots__ = ("model_version", "verdict", "request_count", "first_time", "last_time", "measure_time", "measures")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    MEASURE_TIME_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    verdict: DriftVerdict
    request_count: int
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    measure_time: _timestamp_pb2.Timestamp
    measures: _containers.RepeatedCompositeFieldContainer[DriftMeasure]
    def __init__(self, model_version: _Optional[str] = ..., verdict: _Optional[_Union[DriftVerdict, str]] = ..., request_count: _Optional[int] = ..., first_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., measure_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., measures: _Optional[_Iterable[_Union[DriftMeasure, _Mapping]]] = ...) -> None: ...

class DriftMeasure(_message.Message):
    __slots__ = ("kind", "verdict", "request_count", "reference_count", "value", "lower", "upper", "tolerance", "changes", "p_value")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[DriftMeasure.Kind]
        KIND_INPUT_LENGTH: _ClassVar[DriftMeasure.Kind]
        KIND_INPUT_WORDS: _ClassVar[DriftMeasure.Kind]
        KIND_ANSWERS: _ClassVar[DriftMeasure.Kind]
        KIND_CONFIDENCE: _ClassVar[DriftMeasure.Kind]
        KIND_ABSTENTION: _ClassVar[DriftMeasure.Kind]
    KIND_UNSPECIFIED: DriftMeasure.Kind
    KIND_INPUT_LENGTH: DriftMeasure.Kind
    KIND_INPUT_WORDS: DriftMeasure.Kind
    KIND_ANSWERS: DriftMeasure.Kind
    KIND_CONFIDENCE: DriftMeasure.Kind
    KIND_ABSTENTION: DriftMeasure.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: DriftMeasure.Kind
    verdict: DriftVerdict
    request_count: int
    reference_count: int
    value: float
    lower: float
    upper: float
    tolerance: float
    changes: _containers.RepeatedCompositeFieldContainer[DriftChange]
    p_value: float
    def __init__(self, kind: _Optional[_Union[DriftMeasure.Kind, str]] = ..., verdict: _Optional[_Union[DriftVerdict, str]] = ..., request_count: _Optional[int] = ..., reference_count: _Optional[int] = ..., value: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., tolerance: _Optional[float] = ..., changes: _Optional[_Iterable[_Union[DriftChange, _Mapping]]] = ..., p_value: _Optional[float] = ...) -> None: ...

class DriftChange(_message.Message):
    __slots__ = ("name", "reference_share", "request_share")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_SHARE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_SHARE_FIELD_NUMBER: _ClassVar[int]
    name: str
    reference_share: float
    request_share: float
    def __init__(self, name: _Optional[str] = ..., reference_share: _Optional[float] = ..., request_share: _Optional[float] = ...) -> None: ...
