from foreword.v1 import system_evaluation_pb2 as _system_evaluation_pb2
from foreword.v1 import tune_experiment_pb2 as _tune_experiment_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ComparedTuneExperiment(_message.Message):
    __slots__ = ("name", "display_name", "state", "main_metric", "metrics", "evaluated_row_count", "mean_tokens", "capacity_unit_hours", "dataset", "held_out_group", "tuned_model", "curve", "keep_best", "differences")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MAIN_METRIC_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_GROUP_FIELD_NUMBER: _ClassVar[int]
    TUNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    KEEP_BEST_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    state: _tune_experiment_pb2.TuneExperiment.State
    main_metric: str
    metrics: _containers.ScalarMap[str, float]
    evaluated_row_count: int
    mean_tokens: float
    capacity_unit_hours: float
    dataset: str
    held_out_group: int
    tuned_model: str
    curve: _containers.RepeatedCompositeFieldContainer[CurvePoint]
    keep_best: bool
    differences: _containers.RepeatedCompositeFieldContainer[MetricDifference]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., state: _Optional[_Union[_tune_experiment_pb2.TuneExperiment.State, str]] = ..., main_metric: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., evaluated_row_count: _Optional[int] = ..., mean_tokens: _Optional[float] = ..., capacity_unit_hours: _Optional[float] = ..., dataset: _Optional[str] = ..., held_out_group: _Optional[int] = ..., tuned_model: _Optional[str] = ..., curve: _Optional[_Iterable[_Union[CurvePoint, _Mapping]]] = ..., keep_best: _Optional[bool] = ..., differences: _Optional[_Iterable[_Union[MetricDifference, _Mapping]]] = ...) -> None: ...

class MetricDifference(_message.Message):
    __slots__ = ("metric", "difference", "interval")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    metric: str
    difference: float
    interval: _system_evaluation_pb2.Interval
    def __init__(self, metric: _Optional[str] = ..., difference: _Optional[float] = ..., interval: _Optional[_Union[_system_evaluation_pb2.Interval, _Mapping]] = ...) -> None: ...

class CurvePoint(_message.Message):
    __slots__ = ("epoch", "loss", "validation_loss", "validation_metric")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_METRIC_FIELD_NUMBER: _ClassVar[int]
    epoch: float
    loss: float
    validation_loss: float
    validation_metric: float
    def __init__(self, epoch: _Optional[float] = ..., loss: _Optional[float] = ..., validation_loss: _Optional[float] = ..., validation_metric: _Optional[float] = ...) -> None: ...

class DifferingField(_message.Message):
    __slots__ = ("path", "values")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    path: str
    values: _containers.RepeatedCompositeFieldContainer[ComparedValue]
    def __init__(self, path: _Optional[str] = ..., values: _Optional[_Iterable[_Union[ComparedValue, _Mapping]]] = ...) -> None: ...

class ComparedValue(_message.Message):
    __slots__ = ("value", "source")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    source: str
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., source: _Optional[str] = ...) -> None: ...

class ComparedDataset(_message.Message):
    __slots__ = ("name", "display_name", "version", "row_count", "content_sha256", "overlap", "deleted")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    version: int
    row_count: int
    content_sha256: str
    overlap: RowOverlap
    deleted: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., version: _Optional[int] = ..., row_count: _Optional[int] = ..., content_sha256: _Optional[str] = ..., overlap: _Optional[_Union[RowOverlap, _Mapping]] = ..., deleted: _Optional[bool] = ...) -> None: ...

class RowOverlap(_message.Message):
    __slots__ = ("shared_row_count", "added_row_count", "removed_row_count", "relabelled_row_count")
    SHARED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ADDED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RELABELLED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    shared_row_count: int
    added_row_count: int
    removed_row_count: int
    relabelled_row_count: int
    def __init__(self, shared_row_count: _Optional[int] = ..., added_row_count: _Optional[int] = ..., removed_row_count: _Optional[int] = ..., relabelled_row_count: _Optional[int] = ...) -> None: ...
