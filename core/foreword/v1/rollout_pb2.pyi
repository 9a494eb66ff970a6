import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Canary(_message.Message):
    __slots__ = ("share", "max_error_ratio", "max_latency_ratio", "max_abstention_increase", "promote_after_requests", "max_duration")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_RATIO_FIELD_NUMBER: _ClassVar[int]
    MAX_ABSTENTION_INCREASE_FIELD_NUMBER: _ClassVar[int]
    PROMOTE_AFTER_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    share: float
    max_error_ratio: float
    max_latency_ratio: float
    max_abstention_increase: float
    promote_after_requests: int
    max_duration: _duration_pb2.Duration
    def __init__(self, share: _Optional[float] = ..., max_error_ratio: _Optional[float] = ..., max_latency_ratio: _Optional[float] = ..., max_abstention_increase: _Optional[float] = ..., promote_after_requests: _Optional[int] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Shadow(_message.Message):
    __slots__ = ("share", "max_duration")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    share: float
    max_duration: _duration_pb2.Duration
    def __init__(self, share: _Optional[float] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("canary", "shadow", "state", "stable_revision", "candidate_figures", "stable_figures", "shadow_figures", "explanation", "start_time", "end_time", "expire_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Rollout.State]
        STATE_WAITING: _ClassVar[Rollout.State]
        STATE_RUNNING: _ClassVar[Rollout.State]
        STATE_PROMOTED: _ClassVar[Rollout.State]
        STATE_ROLLED_BACK: _ClassVar[Rollout.State]
        STATE_REPLACED: _ClassVar[Rollout.State]
        STATE_EXPIRED: _ClassVar[Rollout.State]
    STATE_UNSPECIFIED: Rollout.State
    STATE_WAITING: Rollout.State
    STATE_RUNNING: Rollout.State
    STATE_PROMOTED: Rollout.State
    STATE_ROLLED_BACK: Rollout.State
    STATE_REPLACED: Rollout.State
    STATE_EXPIRED: Rollout.State
    CANARY_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STABLE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIGURES_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIGURES_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIGURES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    canary: Canary
    shadow: Shadow
    state: Rollout.State
    stable_revision: int
    candidate_figures: RevisionFigures
    stable_figures: RevisionFigures
    shadow_figures: ShadowFigures
    explanation: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, canary: _Optional[_Union[Canary, _Mapping]] = ..., shadow: _Optional[_Union[Shadow, _Mapping]] = ..., state: _Optional[_Union[Rollout.State, str]] = ..., stable_revision: _Optional[int] = ..., candidate_figures: _Optional[_Union[RevisionFigures, _Mapping]] = ..., stable_figures: _Optional[_Union[RevisionFigures, _Mapping]] = ..., shadow_figures: _Optional[_Union[ShadowFigures, _Mapping]] = ..., explanation: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RevisionFigures(_message.Message):
    __slots__ = ("requests", "errors", "classifications", "abstentions", "median_seconds", "missed", "error_reasons")
    class ErrorReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    ABSTENTIONS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASONS_FIELD_NUMBER: _ClassVar[int]
    requests: int
    errors: int
    classifications: int
    abstentions: int
    median_seconds: float
    missed: int
    error_reasons: _containers.ScalarMap[str, int]
    def __init__(self, requests: _Optional[int] = ..., errors: _Optional[int] = ..., classifications: _Optional[int] = ..., abstentions: _Optional[int] = ..., median_seconds: _Optional[float] = ..., missed: _Optional[int] = ..., error_reasons: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ShadowFigures(_message.Message):
    __slots__ = ("compared", "agreed", "errors", "shed")
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    compared: int
    agreed: int
    errors: int
    shed: int
    def __init__(self, compared: _Optional[int] = ..., agreed: _Optional[int] = ..., errors: _Optional[int] = ..., shed: _Optional[int] = ...) -> None: ...
