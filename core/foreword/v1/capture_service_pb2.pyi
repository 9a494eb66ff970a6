import datetime

from foreword.v1 import capture_pb2 as _capture_pb2
from foreword.v1 import dataset_pb2 as _dataset_pb2
from foreword.v1 import drift_pb2 as _drift_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListCapturedRequestsRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token", "filter", "order_by")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListCapturedRequestsResponse(_message.Message):
    __slots__ = ("captured_requests", "next_page_token")
    CAPTURED_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    captured_requests: _containers.RepeatedCompositeFieldContainer[_capture_pb2.CapturedRequest]
    next_page_token: str
    def __init__(self, captured_requests: _Optional[_Iterable[_Union[_capture_pb2.CapturedRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCapturedRequestsRequest(_message.Message):
    __slots__ = ("name", "request_ids", "filter")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_ids: _containers.RepeatedScalarFieldContainer[str]
    filter: str
    def __init__(self, name: _Optional[str] = ..., request_ids: _Optional[_Iterable[str]] = ..., filter: _Optional[str] = ...) -> None: ...

class DeleteCapturedRequestsResponse(_message.Message):
    __slots__ = ("deleted_count", "datasets")
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    datasets: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted_count: _Optional[int] = ..., datasets: _Optional[_Iterable[str]] = ...) -> None: ...

class SubmitFeedbackRequest(_message.Message):
    __slots__ = ("deployment", "feedback", "allow_new_labels")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    ALLOW_NEW_LABELS_FIELD_NUMBER: _ClassVar[int]
    deployment: str
    feedback: _capture_pb2.Feedback
    allow_new_labels: bool
    def __init__(self, deployment: _Optional[str] = ..., feedback: _Optional[_Union[_capture_pb2.Feedback, _Mapping]] = ..., allow_new_labels: _Optional[bool] = ...) -> None: ...

class ExportCapturedRequestsRequest(_message.Message):
    __slots__ = ("name", "display_name", "description", "filter", "unlabelled", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    UNLABELLED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    filter: str
    unlabelled: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., filter: _Optional[str] = ..., unlabelled: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class MeasureDriftRequest(_message.Message):
    __slots__ = ("name", "max_requests", "since")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    max_requests: int
    since: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., max_requests: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
