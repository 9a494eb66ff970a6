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

class Evaluation(_message.Message):
    __slots__ = ("name", "display_name", "description", "dataset", "systems", "task", "task_options", "examples_dataset", "state", "error", "progress", "results", "differences", "differing_row_count", "estimated_seconds", "capacity_unit_hours", "creator", "create_time", "update_time", "start_time", "end_time", "warnings", "wait_start_time", "partial", "retry_of", "resumed_count")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Evaluation.State]
        STATE_QUEUED: _ClassVar[Evaluation.State]
        STATE_RUNNING: _ClassVar[Evaluation.State]
        STATE_SUCCEEDED: _ClassVar[Evaluation.State]
        STATE_FAILED: _ClassVar[Evaluation.State]
        STATE_CANCELLING: _ClassVar[Evaluation.State]
        STATE_CANCELLED: _ClassVar[Evaluation.State]
    STATE_UNSPECIFIED: Evaluation.State
    STATE_QUEUED: Evaluation.State
    STATE_RUNNING: Evaluation.State
    STATE_SUCCEEDED: Evaluation.State
    STATE_FAILED: Evaluation.State
    STATE_CANCELLING: Evaluation.State
    STATE_CANCELLED: Evaluation.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SYSTEMS_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TASK_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_DATASET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    WAIT_START_TIME_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    RESUMED_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    dataset: str
    systems: _containers.RepeatedCompositeFieldContainer[EvaluatedSystem]
    task: str
    task_options: _tune_parameters_pb2.TaskOptions
    examples_dataset: str
    state: Evaluation.State
    error: _status_pb2.Status
    progress: EvaluationProgress
    results: _containers.RepeatedCompositeFieldContainer[_system_evaluation_pb2.SystemEvaluation]
    differences: _containers.RepeatedCompositeFieldContainer[SystemDifference]
    differing_row_count: int
    estimated_seconds: float
    capacity_unit_hours: float
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    warnings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    wait_start_time: _timestamp_pb2.Timestamp
    partial: bool
    retry_of: str
    resumed_count: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., dataset: _Optional[str] = ..., systems: _Optional[_Iterable[_Union[EvaluatedSystem, _Mapping]]] = ..., task: _Optional[str] = ..., task_options: _Optional[_Union[_tune_parameters_pb2.TaskOptions, _Mapping]] = ..., examples_dataset: _Optional[str] = ..., state: _Optional[_Union[Evaluation.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., progress: _Optional[_Union[EvaluationProgress, _Mapping]] = ..., results: _Optional[_Iterable[_Union[_system_evaluation_pb2.SystemEvaluation, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[SystemDifference, _Mapping]]] = ..., differing_row_count: _Optional[int] = ..., estimated_seconds: _Optional[float] = ..., capacity_unit_hours: _Optional[float] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ..., wait_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., partial: _Optional[bool] = ..., retry_of: _Optional[str] = ..., resumed_count: _Optional[int] = ...) -> None: ...

class EvaluatedSystem(_message.Message):
    __slots__ = ("model", "id", "shots", "constrained", "instruction", "verbalizer", "version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINED_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    VERBALIZER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    model: str
    id: str
    shots: int
    constrained: bool
    instruction: str
    verbalizer: str
    version: str
    def __init__(self, model: _Optional[str] = ..., id: _Optional[str] = ..., shots: _Optional[int] = ..., constrained: _Optional[bool] = ..., instruction: _Optional[str] = ..., verbalizer: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class EvaluationProgress(_message.Message):
    __slots__ = ("percent", "answered_count", "total_count", "remaining_seconds", "phase")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    percent: float
    answered_count: int
    total_count: int
    remaining_seconds: float
    phase: str
    def __init__(self, percent: _Optional[float] = ..., answered_count: _Optional[int] = ..., total_count: _Optional[int] = ..., remaining_seconds: _Optional[float] = ..., phase: _Optional[str] = ...) -> None: ...

class SystemDifference(_message.Message):
    __slots__ = ("system", "reference", "metric", "difference", "interval")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    system: str
    reference: str
    metric: str
    difference: float
    interval: _system_evaluation_pb2.Interval
    def __init__(self, system: _Optional[str] = ..., reference: _Optional[str] = ..., metric: _Optional[str] = ..., difference: _Optional[float] = ..., interval: _Optional[_Union[_system_evaluation_pb2.Interval, _Mapping]] = ...) -> None: ...

class EvaluationRow(_message.Message):
    __slots__ = ("row", "input", "reference", "answers")
    ROW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    row: int
    input: str
    reference: str
    answers: _containers.RepeatedCompositeFieldContainer[EvaluationAnswer]
    def __init__(self, row: _Optional[int] = ..., input: _Optional[str] = ..., reference: _Optional[str] = ..., answers: _Optional[_Iterable[_Union[EvaluationAnswer, _Mapping]]] = ...) -> None: ...

class EvaluationAnswer(_message.Message):
    __slots__ = ("system", "answer", "score", "probability", "label_probabilities", "tokens")
    class LabelProbabilitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LABEL_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    system: str
    answer: str
    score: float
    probability: float
    label_probabilities: _containers.ScalarMap[str, float]
    tokens: int
    def __init__(self, system: _Optional[str] = ..., answer: _Optional[str] = ..., score: _Optional[float] = ..., probability: _Optional[float] = ..., label_probabilities: _Optional[_Mapping[str, float]] = ..., tokens: _Optional[int] = ...) -> None: ...
