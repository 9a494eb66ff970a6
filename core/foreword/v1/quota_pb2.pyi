import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quota(_message.Message):
    __slots__ = ("name", "requests_per_second", "tokens_per_second", "queued_jobs", "running_jobs", "dataset_rows", "stored_bytes", "deployments", "capacity_unit_hours_per_month", "uses", "etag", "update_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    QUEUED_JOBS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_JOBS_FIELD_NUMBER: _ClassVar[int]
    DATASET_ROWS_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_UNIT_HOURS_PER_MONTH_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    requests_per_second: float
    tokens_per_second: float
    queued_jobs: int
    running_jobs: int
    dataset_rows: int
    stored_bytes: int
    deployments: int
    capacity_unit_hours_per_month: float
    uses: _containers.RepeatedCompositeFieldContainer[QuotaUse]
    etag: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., requests_per_second: _Optional[float] = ..., tokens_per_second: _Optional[float] = ..., queued_jobs: _Optional[int] = ..., running_jobs: _Optional[int] = ..., dataset_rows: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., deployments: _Optional[int] = ..., capacity_unit_hours_per_month: _Optional[float] = ..., uses: _Optional[_Iterable[_Union[QuotaUse, _Mapping]]] = ..., etag: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QuotaUse(_message.Message):
    __slots__ = ("quota", "limit", "is_default", "used")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    quota: str
    limit: float
    is_default: bool
    used: float
    def __init__(self, quota: _Optional[str] = ..., limit: _Optional[float] = ..., is_default: _Optional[bool] = ..., used: _Optional[float] = ...) -> None: ...
