import datetime

from foreword.v1 import report_pb2 as _report_pb2
from foreword.v1 import tune_experiment_pb2 as _tune_experiment_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TuneSweep(_message.Message):
    __slots__ = ("name", "display_name", "description", "tune_experiment", "swept_parameters", "search", "max_combinations", "num_seeds", "seed", "halving", "plan", "state", "trials", "best_trial", "tuned_model", "capacity_unit_hours", "creator", "create_time", "update_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[TuneSweep.State]
        STATE_QUEUED: _ClassVar[TuneSweep.State]
        STATE_RUNNING: _ClassVar[TuneSweep.State]
        STATE_SUCCEEDED: _ClassVar[TuneSweep.State]
        STATE_FAILED: _ClassVar[TuneSweep.State]
        STATE_CANCELLING: _ClassVar[TuneSweep.State]
        STATE_CANCELLED: _ClassVar[TuneSweep.State]
    STATE_UNSPECIFIED: TuneSweep.State
    STATE_QUEUED: TuneSweep.State
    STATE_RUNNING: TuneSweep.State
    STATE_SUCCEEDED: TuneSweep.State
    STATE_FAILED: TuneSweep.State
    STATE_CANCELLING: TuneSweep.State
    STATE_CANCELLED: TuneSweep.State
    class Search(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SEARCH_UNSPECIFIED: _ClassVar[TuneSweep.Search]
        SEARCH_GRID: _ClassVar[TuneSweep.Search]
        SEARCH_RANDOM: _ClassVar[TuneSweep.Search]
    SEARCH_UNSPECIFIED: TuneSweep.Search
    SEARCH_GRID: TuneSweep.Search
    SEARCH_RANDOM: TuneSweep.Search
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    SWEPT_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    MAX_COMBINATIONS_FIELD_NUMBER: _ClassVar[int]
    NUM_SEEDS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    HALVING_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    BEST_TRIAL_FIELD_NUMBER: _ClassVar[int]
    TUNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    tune_experiment: _tune_experiment_pb2.TuneExperiment
    swept_parameters: _containers.RepeatedCompositeFieldContainer[SweptParameter]
    search: TuneSweep.Search
    max_combinations: int
    num_seeds: int
    seed: int
    halving: bool
    plan: TuneSweepPlan
    state: TuneSweep.State
    trials: _containers.RepeatedCompositeFieldContainer[TuneTrial]
    best_trial: str
    tuned_model: str
    capacity_unit_hours: float
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., tune_experiment: _Optional[_Union[_tune_experiment_pb2.TuneExperiment, _Mapping]] = ..., swept_parameters: _Optional[_Iterable[_Union[SweptParameter, _Mapping]]] = ..., search: _Optional[_Union[TuneSweep.Search, str]] = ..., max_combinations: _Optional[int] = ..., num_seeds: _Optional[int] = ..., seed: _Optional[int] = ..., halving: _Optional[bool] = ..., plan: _Optional[_Union[TuneSweepPlan, _Mapping]] = ..., state: _Optional[_Union[TuneSweep.State, str]] = ..., trials: _Optional[_Iterable[_Union[TuneTrial, _Mapping]]] = ..., best_trial: _Optional[str] = ..., tuned_model: _Optional[str] = ..., capacity_unit_hours: _Optional[float] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SweptParameter(_message.Message):
    __slots__ = ("name", "values", "range")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    range: SweptRange
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ..., range: _Optional[_Union[SweptRange, _Mapping]] = ...) -> None: ...

class SweptRange(_message.Message):
    __slots__ = ("minimum", "maximum", "logarithmic")
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    LOGARITHMIC_FIELD_NUMBER: _ClassVar[int]
    minimum: float
    maximum: float
    logarithmic: bool
    def __init__(self, minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., logarithmic: _Optional[bool] = ...) -> None: ...

class TuneSweepPlan(_message.Message):
    __slots__ = ("trial_count", "validation_row_count", "rungs", "planned_updates", "estimated_seconds", "estimated_capacity_unit_hours", "warnings", "main_metric")
    TRIAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_UPDATES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    MAIN_METRIC_FIELD_NUMBER: _ClassVar[int]
    trial_count: int
    validation_row_count: int
    rungs: _containers.RepeatedCompositeFieldContainer[SweepRung]
    planned_updates: int
    estimated_seconds: float
    estimated_capacity_unit_hours: float
    warnings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    main_metric: str
    def __init__(self, trial_count: _Optional[int] = ..., validation_row_count: _Optional[int] = ..., rungs: _Optional[_Iterable[_Union[SweepRung, _Mapping]]] = ..., planned_updates: _Optional[int] = ..., estimated_seconds: _Optional[float] = ..., estimated_capacity_unit_hours: _Optional[float] = ..., warnings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ..., main_metric: _Optional[str] = ...) -> None: ...

class SweepRung(_message.Message):
    __slots__ = ("epoch", "keep")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    keep: int
    def __init__(self, epoch: _Optional[int] = ..., keep: _Optional[int] = ...) -> None: ...

class TuneTrial(_message.Message):
    __slots__ = ("number", "tune_experiment", "values", "seed", "state", "error", "validation_metric", "validation_loss", "kept_epoch", "epoch", "total_epochs", "capacity_unit_hours", "tuned_model")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _struct_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_METRIC_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    KEPT_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TOTAL_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    TUNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    number: int
    tune_experiment: str
    values: _containers.MessageMap[str, _struct_pb2.Value]
    seed: int
    state: _tune_experiment_pb2.TuneExperiment.State
    error: _status_pb2.Status
    validation_metric: float
    validation_loss: float
    kept_epoch: int
    epoch: float
    total_epochs: int
    capacity_unit_hours: float
    tuned_model: str
    def __init__(self, number: _Optional[int] = ..., tune_experiment: _Optional[str] = ..., values: _Optional[_Mapping[str, _struct_pb2.Value]] = ..., seed: _Optional[int] = ..., state: _Optional[_Union[_tune_experiment_pb2.TuneExperiment.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., validation_metric: _Optional[float] = ..., validation_loss: _Optional[float] = ..., kept_epoch: _Optional[int] = ..., epoch: _Optional[float] = ..., total_epochs: _Optional[int] = ..., capacity_unit_hours: _Optional[float] = ..., tuned_model: _Optional[str] = ...) -> None: ...
