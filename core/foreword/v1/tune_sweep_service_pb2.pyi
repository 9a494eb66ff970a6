from foreword.v1 import resource_view_pb2 as _resource_view_pb2
from foreword.v1 import tune_sweep_pb2 as _tune_sweep_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateTuneSweepRequest(_message.Message):
    __slots__ = ("parent", "tune_sweep", "tune_sweep_id", "request_id", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    TUNE_SWEEP_FIELD_NUMBER: _ClassVar[int]
    TUNE_SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    tune_sweep: _tune_sweep_pb2.TuneSweep
    tune_sweep_id: str
    request_id: str
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., tune_sweep: _Optional[_Union[_tune_sweep_pb2.TuneSweep, _Mapping]] = ..., tune_sweep_id: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class GetTuneSweepRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListTuneSweepsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "order_by", "view")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    view: _resource_view_pb2.ResourceView
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ..., view: _Optional[_Union[_resource_view_pb2.ResourceView, str]] = ...) -> None: ...

class ListTuneSweepsResponse(_message.Message):
    __slots__ = ("tune_sweeps", "next_page_token")
    TUNE_SWEEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tune_sweeps: _containers.RepeatedCompositeFieldContainer[_tune_sweep_pb2.TuneSweep]
    next_page_token: str
    def __init__(self, tune_sweeps: _Optional[_Iterable[_Union[_tune_sweep_pb2.TuneSweep, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelTuneSweepRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteTuneSweepRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
