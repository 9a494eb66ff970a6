import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditRecord(_message.Message):
    __slots__ = ("tenant", "sequence", "time", "actor_tenant", "actor", "peer", "method", "resource", "request_id", "trace_id", "code", "reason", "changed_fields", "count", "previous_hash", "hash")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TENANT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    sequence: int
    time: _timestamp_pb2.Timestamp
    actor_tenant: str
    actor: str
    peer: str
    method: str
    resource: str
    request_id: str
    trace_id: str
    code: str
    reason: str
    changed_fields: _containers.RepeatedScalarFieldContainer[str]
    count: int
    previous_hash: str
    hash: str
    def __init__(self, tenant: _Optional[str] = ..., sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor_tenant: _Optional[str] = ..., actor: _Optional[str] = ..., peer: _Optional[str] = ..., method: _Optional[str] = ..., resource: _Optional[str] = ..., request_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ..., changed_fields: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ..., previous_hash: _Optional[str] = ..., hash: _Optional[str] = ...) -> None: ...

class AuditChain(_message.Message):
    __slots__ = ("tenant", "anchor_sequence", "anchor_hash", "last_sequence", "last_hash")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_HASH_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LAST_HASH_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    anchor_sequence: int
    anchor_hash: str
    last_sequence: int
    last_hash: str
    def __init__(self, tenant: _Optional[str] = ..., anchor_sequence: _Optional[int] = ..., anchor_hash: _Optional[str] = ..., last_sequence: _Optional[int] = ..., last_hash: _Optional[str] = ...) -> None: ...
