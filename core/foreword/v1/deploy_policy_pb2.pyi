from foreword.v1 import system_evaluation_pb2 as _system_evaluation_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeployPolicy(_message.Message):
    __slots__ = ("metric", "margin", "dataset", "min_row_count")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MIN_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    metric: str
    margin: float
    dataset: str
    min_row_count: int
    def __init__(self, metric: _Optional[str] = ..., margin: _Optional[float] = ..., dataset: _Optional[str] = ..., min_row_count: _Optional[int] = ...) -> None: ...

class DeployVerdict(_message.Message):
    __slots__ = ("outcome", "policy", "baseline", "evaluation", "value", "baseline_value", "difference", "interval", "row_count", "explanation", "force_reason", "forced_by")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[DeployVerdict.Outcome]
        OUTCOME_PASSED: _ClassVar[DeployVerdict.Outcome]
        OUTCOME_FORCED: _ClassVar[DeployVerdict.Outcome]
    OUTCOME_UNSPECIFIED: DeployVerdict.Outcome
    OUTCOME_PASSED: DeployVerdict.Outcome
    OUTCOME_FORCED: DeployVerdict.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    FORCE_REASON_FIELD_NUMBER: _ClassVar[int]
    FORCED_BY_FIELD_NUMBER: _ClassVar[int]
    outcome: DeployVerdict.Outcome
    policy: DeployPolicy
    baseline: str
    evaluation: str
    value: float
    baseline_value: float
    difference: float
    interval: _system_evaluation_pb2.Interval
    row_count: int
    explanation: str
    force_reason: str
    forced_by: str
    def __init__(self, outcome: _Optional[_Union[DeployVerdict.Outcome, str]] = ..., policy: _Optional[_Union[DeployPolicy, _Mapping]] = ..., baseline: _Optional[str] = ..., evaluation: _Optional[str] = ..., value: _Optional[float] = ..., baseline_value: _Optional[float] = ..., difference: _Optional[float] = ..., interval: _Optional[_Union[_system_evaluation_pb2.Interval, _Mapping]] = ..., row_count: _Optional[int] = ..., explanation: _Optional[str] = ..., force_reason: _Optional[str] = ..., forced_by: _Optional[str] = ...) -> None: ...
