import datetime

from foreword.v1 import report_pb2 as _report_pb2
from foreword.v1 import system_evaluation_pb2 as _system_evaluation_pb2
from foreword.v1 import tune_parameters_pb2 as _tune_parameters_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TuneExperiment(_message.Message):
    __slots__ = ("name", "display_name", "description", "base_model", "dataset", "task", "task_options", "tuning_type", "verbalizer", "parameters", "instruction", "evaluate_base", "plan", "state", "error", "progress", "snapshots", "evaluations", "curve_advice", "tuned_model", "capacity_unit_hours", "creator", "create_time", "update_time", "start_time", "end_time", "wait_seconds", "validation_dataset", "suspect_rows", "tune_sweep", "tags", "wait_start_time", "retry_of", "resumed_step")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[TuneExperiment.State]
        STATE_QUEUED: _ClassVar[TuneExperiment.State]
        STATE_RUNNING: _ClassVar[TuneExperiment.State]
        STATE_SUCCEEDED: _ClassVar[TuneExperiment.State]
        STATE_FAILED: _ClassVar[TuneExperiment.State]
        STATE_CANCELLING: _ClassVar[TuneExperiment.State]
        STATE_CANCELLED: _ClassVar[TuneExperiment.State]
    STATE_UNSPECIFIED: TuneExperiment.State
    STATE_QUEUED: TuneExperiment.State
    STATE_RUNNING: TuneExperiment.State
    STATE_SUCCEEDED: TuneExperiment.State
    STATE_FAILED: TuneExperiment.State
    STATE_CANCELLING: TuneExperiment.State
    STATE_CANCELLED: TuneExperiment.State
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TASK_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TUNING_TYPE_FIELD_NUMBER: _ClassVar[int]
    VERBALIZER_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_BASE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    CURVE_ADVICE_FIELD_NUMBER: _ClassVar[int]
    TUNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    WAIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_DATASET_FIELD_NUMBER: _ClassVar[int]
    SUSPECT_ROWS_FIELD_NUMBER: _ClassVar[int]
    TUNE_SWEEP_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    WAIT_START_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    RESUMED_STEP_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    base_model: str
    dataset: str
    task: str
    task_options: _tune_parameters_pb2.TaskOptions
    tuning_type: str
    verbalizer: str
    parameters: _tune_parameters_pb2.TuneParameters
    instruction: str
    evaluate_base: bool
    plan: TunePlan
    state: TuneExperiment.State
    error: _status_pb2.Status
    progress: TuneProgress
    snapshots: _containers.RepeatedCompositeFieldContainer[TuneSnapshot]
    evaluations: _containers.RepeatedCompositeFieldContainer[_system_evaluation_pb2.SystemEvaluation]
    curve_advice: str
    tuned_model: str
    capacity_unit_hours: float
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    wait_seconds: float
    validation_dataset: str
    suspect_rows: SuspectRows
    tune_sweep: str
    tags: _containers.ScalarMap[str, str]
    wait_start_time: _timestamp_pb2.Timestamp
    retry_of: str
    resumed_step: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., base_model: _Optional[str] = ..., dataset: _Optional[str] = ..., task: _Optional[str] = ..., task_options: _Optional[_Union[_tune_parameters_pb2.TaskOptions, _Mapping]] = ..., tuning_type: _Optional[str] = ..., verbalizer: _Optional[str] = ..., parameters: _Optional[_Union[_tune_parameters_pb2.TuneParameters, _Mapping]] = ..., instruction: _Optional[str] = ..., evaluate_base: _Optional[bool] = ..., plan: _Optional[_Union[TunePlan, _Mapping]] = ..., state: _Optional[_Union[TuneExperiment.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., progress: _Optional[_Union[TuneProgress, _Mapping]] = ..., snapshots: _Optional[_Iterable[_Union[TuneSnapshot, _Mapping]]] = ..., evaluations: _Optional[_Iterable[_Union[_system_evaluation_pb2.SystemEvaluation, _Mapping]]] = ..., curve_advice: _Optional[str] = ..., tuned_model: _Optional[str] = ..., capacity_unit_hours: _Optional[float] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait_seconds: _Optional[float] = ..., validation_dataset: _Optional[str] = ..., suspect_rows: _Optional[_Union[SuspectRows, _Mapping]] = ..., tune_sweep: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., wait_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_of: _Optional[str] = ..., resumed_step: _Optional[int] = ...) -> None: ...

class TunePlan(_message.Message):
    __slots__ = ("parameters", "sources", "training_row_count", "validation_row_count", "planned_updates", "trainable_parameter_count", "estimated_seconds", "estimated_capacity_unit_hours", "warnings", "labels", "multi_label")
    class SourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    TRAINING_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    PLANNED_UPDATES_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    parameters: _tune_parameters_pb2.TuneParameters
    sources: _containers.ScalarMap[str, str]
    training_row_count: int
    validation_row_count: int
    planned_updates: int
    trainable_parameter_count: int
    estimated_seconds: float
    estimated_capacity_unit_hours: float
    warnings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    labels: _containers.RepeatedScalarFieldContainer[str]
    multi_label: bool
    def __init__(self, parameters: _Optional[_Union[_tune_parameters_pb2.TuneParameters, _Mapping]] = ..., sources: _Optional[_Mapping[str, str]] = ..., training_row_count: _Optional[int] = ..., validation_row_count: _Optional[int] = ..., planned_updates: _Optional[int] = ..., trainable_parameter_count: _Optional[int] = ..., estimated_seconds: _Optional[float] = ..., estimated_capacity_unit_hours: _Optional[float] = ..., warnings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ..., labels: _Optional[_Iterable[str]] = ..., multi_label: _Optional[bool] = ...) -> None: ...

class TuneProgress(_message.Message):
    __slots__ = ("percent", "step", "total_steps", "epoch", "total_epochs", "loss", "remaining_seconds", "phase")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TOTAL_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    percent: float
    step: int
    total_steps: int
    epoch: float
    total_epochs: int
    loss: float
    remaining_seconds: float
    phase: str
    def __init__(self, percent: _Optional[float] = ..., step: _Optional[int] = ..., total_steps: _Optional[int] = ..., epoch: _Optional[float] = ..., total_epochs: _Optional[int] = ..., loss: _Optional[float] = ..., remaining_seconds: _Optional[float] = ..., phase: _Optional[str] = ...) -> None: ...

class TuneSnapshot(_message.Message):
    __slots__ = ("sequence", "step", "epoch", "loss", "validation_loss", "validation_metric", "learning_rate", "examples_per_second", "phase", "create_time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_METRIC_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    step: int
    epoch: float
    loss: float
    validation_loss: float
    validation_metric: float
    learning_rate: float
    examples_per_second: float
    phase: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., step: _Optional[int] = ..., epoch: _Optional[float] = ..., loss: _Optional[float] = ..., validation_loss: _Optional[float] = ..., validation_metric: _Optional[float] = ..., learning_rate: _Optional[float] = ..., examples_per_second: _Optional[float] = ..., phase: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SuspectRows(_message.Message):
    __slots__ = ("rows", "examined_row_count", "row_count")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SuspectRow]
    examined_row_count: int
    row_count: int
    def __init__(self, rows: _Optional[_Iterable[_Union[SuspectRow, _Mapping]]] = ..., examined_row_count: _Optional[int] = ..., row_count: _Optional[int] = ...) -> None: ...

class SuspectRow(_message.Message):
    __slots__ = ("dataset", "row", "loss", "input", "output", "prediction")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    row: int
    loss: float
    input: str
    output: str
    prediction: str
    def __init__(self, dataset: _Optional[str] = ..., row: _Optional[int] = ..., loss: _Optional[float] = ..., input: _Optional[str] = ..., output: _Optional[str] = ..., prediction: _Optional[str] = ...) -> None: ...
