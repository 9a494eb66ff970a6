import datetime

from foreword.v1 import system_evaluation_pb2 as _system_evaluation_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CalibrationSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALIBRATION_SOURCE_UNSPECIFIED: _ClassVar[CalibrationSource]
    CALIBRATION_SOURCE_HELD_OUT: _ClassVar[CalibrationSource]
    CALIBRATION_SOURCE_HELD_OUT_BEFORE_REFIT: _ClassVar[CalibrationSource]
CALIBRATION_SOURCE_UNSPECIFIED: CalibrationSource
CALIBRATION_SOURCE_HELD_OUT: CalibrationSource
CALIBRATION_SOURCE_HELD_OUT_BEFORE_REFIT: CalibrationSource

class TunedModel(_message.Message):
    __slots__ = ("name", "display_name", "base_model", "tune_experiment", "dataset", "task", "tuning_type", "verbalizer", "labels", "multi_label", "num_virtual_tokens", "byte_size", "content_sha256", "provenance", "evaluations", "creator", "create_time", "answer_calibration", "tags")
    class ProvenanceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TUNING_TYPE_FIELD_NUMBER: _ClassVar[int]
    VERBALIZER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    NUM_VIRTUAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ANSWER_CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    base_model: str
    tune_experiment: str
    dataset: str
    task: str
    tuning_type: str
    verbalizer: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    multi_label: bool
    num_virtual_tokens: int
    byte_size: int
    content_sha256: str
    provenance: _containers.ScalarMap[str, str]
    evaluations: _containers.RepeatedCompositeFieldContainer[_system_evaluation_pb2.SystemEvaluation]
    creator: str
    create_time: _timestamp_pb2.Timestamp
    answer_calibration: AnswerCalibration
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., base_model: _Optional[str] = ..., tune_experiment: _Optional[str] = ..., dataset: _Optional[str] = ..., task: _Optional[str] = ..., tuning_type: _Optional[str] = ..., verbalizer: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., multi_label: _Optional[bool] = ..., num_virtual_tokens: _Optional[int] = ..., byte_size: _Optional[int] = ..., content_sha256: _Optional[str] = ..., provenance: _Optional[_Mapping[str, str]] = ..., evaluations: _Optional[_Iterable[_Union[_system_evaluation_pb2.SystemEvaluation, _Mapping]]] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answer_calibration: _Optional[_Union[AnswerCalibration, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AnswerCalibration(_message.Message):
    __slots__ = ("temperature", "source", "row_count", "fitted_row_count", "expected_calibration_error_before", "expected_calibration_error_after", "thresholds", "expected_calibration_error_by_chance", "p_value")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    FITTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_AFTER_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_BY_CHANCE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    source: CalibrationSource
    row_count: int
    fitted_row_count: int
    expected_calibration_error_before: float
    expected_calibration_error_after: float
    thresholds: _containers.RepeatedCompositeFieldContainer[PrecisionThreshold]
    expected_calibration_error_by_chance: float
    p_value: float
    def __init__(self, temperature: _Optional[float] = ..., source: _Optional[_Union[CalibrationSource, str]] = ..., row_count: _Optional[int] = ..., fitted_row_count: _Optional[int] = ..., expected_calibration_error_before: _Optional[float] = ..., expected_calibration_error_after: _Optional[float] = ..., thresholds: _Optional[_Iterable[_Union[PrecisionThreshold, _Mapping]]] = ..., expected_calibration_error_by_chance: _Optional[float] = ..., p_value: _Optional[float] = ...) -> None: ...

class PrecisionThreshold(_message.Message):
    __slots__ = ("precision", "probability", "row_count", "right_count", "label", "estimated_precision", "precision_lower_bound")
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_PRECISION_FIELD_NUMBER: _ClassVar[int]
    PRECISION_LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    precision: float
    probability: float
    row_count: int
    right_count: int
    label: str
    estimated_precision: float
    precision_lower_bound: float
    def __init__(self, precision: _Optional[float] = ..., probability: _Optional[float] = ..., row_count: _Optional[int] = ..., right_count: _Optional[int] = ..., label: _Optional[str] = ..., estimated_precision: _Optional[float] = ..., precision_lower_bound: _Optional[float] = ...) -> None: ...
