from foreword.v1 import batch_job_pb2 as _batch_job_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateBatchJobRequest(_message.Message):
    __slots__ = ("parent", "batch_job", "batch_job_id", "request_id", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    BATCH_JOB_FIELD_NUMBER: _ClassVar[int]
    BATCH_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    batch_job: _batch_job_pb2.BatchJob
    batch_job_id: str
    request_id: str
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., batch_job: _Optional[_Union[_batch_job_pb2.BatchJob, _Mapping]] = ..., batch_job_id: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class GetBatchJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListBatchJobsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "order_by")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListBatchJobsResponse(_message.Message):
    __slots__ = ("batch_jobs", "next_page_token")
    BATCH_JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    batch_jobs: _containers.RepeatedCompositeFieldContainer[_batch_job_pb2.BatchJob]
    next_page_token: str
    def __init__(self, batch_jobs: _Optional[_Iterable[_Union[_batch_job_pb2.BatchJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchBatchJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WatchBatchJobResponse(_message.Message):
    __slots__ = ("batch_job",)
    BATCH_JOB_FIELD_NUMBER: _ClassVar[int]
    batch_job: _batch_job_pb2.BatchJob
    def __init__(self, batch_job: _Optional[_Union[_batch_job_pb2.BatchJob, _Mapping]] = ...) -> None: ...

class CancelBatchJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RetryBatchJobRequest(_message.Message):
    __slots__ = ("name", "batch_job_id", "from_beginning", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BATCH_JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_BEGINNING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    batch_job_id: str
    from_beginning: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., batch_job_id: _Optional[str] = ..., from_beginning: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteBatchJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListBatchAnswersRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token", "selection", "after_row")
    class Selection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SELECTION_UNSPECIFIED: _ClassVar[ListBatchAnswersRequest.Selection]
        SELECTION_ALL: _ClassVar[ListBatchAnswersRequest.Selection]
        SELECTION_FAILED: _ClassVar[ListBatchAnswersRequest.Selection]
        SELECTION_ABSTAINED: _ClassVar[ListBatchAnswersRequest.Selection]
    SELECTION_UNSPECIFIED: ListBatchAnswersRequest.Selection
    SELECTION_ALL: ListBatchAnswersRequest.Selection
    SELECTION_FAILED: ListBatchAnswersRequest.Selection
    SELECTION_ABSTAINED: ListBatchAnswersRequest.Selection
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    AFTER_ROW_FIELD_NUMBER: _ClassVar[int]
    name: str
    page_size: int
    page_token: str
    selection: ListBatchAnswersRequest.Selection
    after_row: int
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., selection: _Optional[_Union[ListBatchAnswersRequest.Selection, str]] = ..., after_row: _Optional[int] = ...) -> None: ...

class ListBatchAnswersResponse(_message.Message):
    __slots__ = ("answers", "next_page_token")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[_batch_job_pb2.BatchAnswer]
    next_page_token: str
    def __init__(self, answers: _Optional[_Iterable[_Union[_batch_job_pb2.BatchAnswer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
