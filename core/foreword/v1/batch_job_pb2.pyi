import datetime

from foreword.v1 import inference_pb2 as _inference_pb2
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

class BatchJob(_message.Message):
    __slots__ = ("name", "display_name", "description", "dataset", "model", "classify", "generate", "version", "plan", "state", "error", "progress", "capacity_unit_hours", "creator", "create_time", "update_time", "start_time", "end_time", "wait_start_time", "retry_of", "resumed_count")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[BatchJob.State]
        STATE_QUEUED: _ClassVar[BatchJob.State]
        STATE_RUNNING: _ClassVar[BatchJob.State]
        STATE_SUCCEEDED: _ClassVar[BatchJob.State]
        STATE_FAILED: _ClassVar[BatchJob.State]
        STATE_CANCELLING: _ClassVar[BatchJob.State]
        STATE_CANCELLED: _ClassVar[BatchJob.State]
    STATE_UNSPECIFIED: BatchJob.State
    STATE_QUEUED: BatchJob.State
    STATE_RUNNING: BatchJob.State
    STATE_SUCCEEDED: BatchJob.State
    STATE_FAILED: BatchJob.State
    STATE_CANCELLING: BatchJob.State
    STATE_CANCELLED: BatchJob.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CLASSIFY_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    WAIT_START_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    RESUMED_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    dataset: str
    model: str
    classify: BatchClassify
    generate: _inference_pb2.GenerateParameters
    version: str
    plan: BatchJobPlan
    state: BatchJob.State
    error: _status_pb2.Status
    progress: BatchJobProgress
    capacity_unit_hours: float
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    wait_start_time: _timestamp_pb2.Timestamp
    retry_of: str
    resumed_count: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., dataset: _Optional[str] = ..., model: _Optional[str] = ..., classify: _Optional[_Union[BatchClassify, _Mapping]] = ..., generate: _Optional[_Union[_inference_pb2.GenerateParameters, _Mapping]] = ..., version: _Optional[str] = ..., plan: _Optional[_Union[BatchJobPlan, _Mapping]] = ..., state: _Optional[_Union[BatchJob.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., progress: _Optional[_Union[BatchJobProgress, _Mapping]] = ..., capacity_unit_hours: _Optional[float] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_of: _Optional[str] = ..., resumed_count: _Optional[int] = ...) -> None: ...

class BatchClassify(_message.Message):
    __slots__ = ("threshold", "min_precision", "labels", "multi_label", "truncate_input_tokens")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_PRECISION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    min_precision: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    multi_label: bool
    truncate_input_tokens: int
    def __init__(self, threshold: _Optional[float] = ..., min_precision: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ..., multi_label: _Optional[bool] = ..., truncate_input_tokens: _Optional[int] = ...) -> None: ...

class BatchJobPlan(_message.Message):
    __slots__ = ("row_count", "input_tokens", "estimated_seconds", "capacity_unit_hours")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    input_tokens: int
    estimated_seconds: float
    capacity_unit_hours: float
    def __init__(self, row_count: _Optional[int] = ..., input_tokens: _Optional[int] = ..., estimated_seconds: _Optional[float] = ..., capacity_unit_hours: _Optional[float] = ...) -> None: ...

class BatchJobProgress(_message.Message):
    __slots__ = ("percent", "answered_count", "failed_count", "total_count", "remaining_seconds", "phase")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    percent: float
    answered_count: int
    failed_count: int
    total_count: int
    remaining_seconds: float
    phase: str
    def __init__(self, percent: _Optional[float] = ..., answered_count: _Optional[int] = ..., failed_count: _Optional[int] = ..., total_count: _Optional[int] = ..., remaining_seconds: _Optional[float] = ..., phase: _Optional[str] = ...) -> None: ...

class BatchAnswer(_message.Message):
    __slots__ = ("row", "input", "answer", "labels", "abstained", "probability", "label_probabilities", "stop_reason", "usage", "seed", "error", "fields_json")
    class LabelProbabilitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ROW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LABEL_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    row: int
    input: str
    answer: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    abstained: bool
    probability: float
    label_probabilities: _containers.ScalarMap[str, float]
    stop_reason: _inference_pb2.StopReason
    usage: _inference_pb2.TokenUsage
    seed: int
    error: _status_pb2.Status
    fields_json: str
    def __init__(self, row: _Optional[int] = ..., input: _Optional[str] = ..., answer: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., abstained: _Optional[bool] = ..., probability: _Optional[float] = ..., label_probabilities: _Optional[_Mapping[str, float]] = ..., stop_reason: _Optional[_Union[_inference_pb2.StopReason, str]] = ..., usage: _Optional[_Union[_inference_pb2.TokenUsage, _Mapping]] = ..., seed: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., fields_json: _Optional[str] = ...) -> None: ...
