import datetime

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

class CapturedRequest(_message.Message):
    __slots__ = ("request_id", "create_time", "revision", "model_version", "input", "output", "labels", "probability", "threshold", "abstained")
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
    def __init__(self, request_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., model_version: _Optional[str] = ..., input: _Optional[str] = ..., output: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., probability: _Optional[float] = ..., threshold: _Optional[float] = ..., abstained: _Optional[bool] = ...) -> None: ...
