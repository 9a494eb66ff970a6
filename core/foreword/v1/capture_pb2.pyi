import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CapturePolicy(_message.Message):
    __slots__ = ("share", "retention_days", "max_requests")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    share: float
    retention_days: int
    max_requests: int
    def __init__(self, share: _Optional[float] = ..., retention_days: _Optional[int] = ..., max_requests: _Optional[int] = ...) -> None: ...

class CaptureUsage(_message.Message):
    __slots__ = ("request_count", "byte_size", "full")
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    request_count: int
    byte_size: int
    full: bool
    def __init__(self, request_count: _Optional[int] = ..., byte_size: _Optional[int] = ..., full: _Optional[bool] = ...) -> None: ...

class CapturedRequest(_message.Message):
    __slots__ = ("request_id", "create_time", "revision", "model_version", "input", "output", "labels", "probability", "threshold", "abstained", "captured", "feedback")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    revision: int
    model_version: str
    input: str
    output: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    probability: float
    threshold: float
    abstained: bool
    captured: bool
    feedback: Feedback
    def __init__(self, request_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., model_version: _Optional[str] = ..., input: _Optional[str] = ..., output: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., probability: _Optional[float] = ..., threshold: _Optional[float] = ..., abstained: _Optional[bool] = ..., captured: _Optional[bool] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class Feedback(_message.Message):
    __slots__ = ("request_id", "input", "right_labels", "right_output", "comment", "score", "author", "submit_time", "correct")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_LABELS_FIELD_NUMBER: _ClassVar[int]
    RIGHT_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    SUBMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRECT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    input: str
    right_labels: RightLabels
    right_output: str
    comment: str
    score: float
    author: str
    submit_time: _timestamp_pb2.Timestamp
    correct: bool
    def __init__(self, request_id: _Optional[str] = ..., input: _Optional[str] = ..., right_labels: _Optional[_Union[RightLabels, _Mapping]] = ..., right_output: _Optional[str] = ..., comment: _Optional[str] = ..., score: _Optional[float] = ..., author: _Optional[str] = ..., submit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., correct: _Optional[bool] = ...) -> None: ...

class RightLabels(_message.Message):
    __slots__ = ("labels",)
    LABELS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, labels: _Optional[_Iterable[str]] = ...) -> None: ...
