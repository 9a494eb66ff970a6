import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Webhook(_message.Message):
    __slots__ = ("name", "url", "kinds", "space", "enabled", "secret", "secret_create_time", "disable_reason", "consecutive_failures", "failing_since", "etag", "creator", "create_time", "update_time", "display_name", "last_success_time")
    class DisableReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DISABLE_REASON_UNSPECIFIED: _ClassVar[Webhook.DisableReason]
        DISABLE_REASON_REQUESTED: _ClassVar[Webhook.DisableReason]
        DISABLE_REASON_FAILING: _ClassVar[Webhook.DisableReason]
        DISABLE_REASON_GONE: _ClassVar[Webhook.DisableReason]
        DISABLE_REASON_BACKLOG: _ClassVar[Webhook.DisableReason]
    DISABLE_REASON_UNSPECIFIED: Webhook.DisableReason
    DISABLE_REASON_REQUESTED: Webhook.DisableReason
    DISABLE_REASON_FAILING: Webhook.DisableReason
    DISABLE_REASON_GONE: Webhook.DisableReason
    DISABLE_REASON_BACKLOG: Webhook.DisableReason
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SECRET_CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DISABLE_REASON_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    FAILING_SINCE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_SUCCESS_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    space: str
    enabled: bool
    secret: str
    secret_create_time: _timestamp_pb2.Timestamp
    disable_reason: Webhook.DisableReason
    consecutive_failures: int
    failing_since: _timestamp_pb2.Timestamp
    etag: str
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    display_name: str
    last_success_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., space: _Optional[str] = ..., enabled: _Optional[bool] = ..., secret: _Optional[str] = ..., secret_create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., disable_reason: _Optional[_Union[Webhook.DisableReason, str]] = ..., consecutive_failures: _Optional[int] = ..., failing_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., display_name: _Optional[str] = ..., last_success_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeliveryAttempt(_message.Message):
    __slots__ = ("problem", "status", "detail", "seconds")
    class Problem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROBLEM_UNSPECIFIED: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_BAD_STATUS: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_TIMED_OUT: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_NAME_NOT_FOUND: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_ADDRESS_REFUSED: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_NOT_CONNECTED: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_TLS_FAILED: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_CONNECTION_LOST: _ClassVar[DeliveryAttempt.Problem]
        PROBLEM_INVALID_ANSWER: _ClassVar[DeliveryAttempt.Problem]
    PROBLEM_UNSPECIFIED: DeliveryAttempt.Problem
    PROBLEM_BAD_STATUS: DeliveryAttempt.Problem
    PROBLEM_TIMED_OUT: DeliveryAttempt.Problem
    PROBLEM_NAME_NOT_FOUND: DeliveryAttempt.Problem
    PROBLEM_ADDRESS_REFUSED: DeliveryAttempt.Problem
    PROBLEM_NOT_CONNECTED: DeliveryAttempt.Problem
    PROBLEM_TLS_FAILED: DeliveryAttempt.Problem
    PROBLEM_CONNECTION_LOST: DeliveryAttempt.Problem
    PROBLEM_INVALID_ANSWER: DeliveryAttempt.Problem
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    problem: DeliveryAttempt.Problem
    status: int
    detail: str
    seconds: float
    def __init__(self, problem: _Optional[_Union[DeliveryAttempt.Problem, str]] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class WebhookDelivery(_message.Message):
    __slots__ = ("name", "kind", "resource", "state", "attempts", "last_attempt", "last_attempt_time", "next_attempt_time", "create_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[WebhookDelivery.State]
        STATE_PENDING: _ClassVar[WebhookDelivery.State]
        STATE_SENDING: _ClassVar[WebhookDelivery.State]
        STATE_DELIVERED: _ClassVar[WebhookDelivery.State]
        STATE_FAILED: _ClassVar[WebhookDelivery.State]
    STATE_UNSPECIFIED: WebhookDelivery.State
    STATE_PENDING: WebhookDelivery.State
    STATE_SENDING: WebhookDelivery.State
    STATE_DELIVERED: WebhookDelivery.State
    STATE_FAILED: WebhookDelivery.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LAST_ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LAST_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    resource: str
    state: WebhookDelivery.State
    attempts: int
    last_attempt: DeliveryAttempt
    last_attempt_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., resource: _Optional[str] = ..., state: _Optional[_Union[WebhookDelivery.State, str]] = ..., attempts: _Optional[int] = ..., last_attempt: _Optional[_Union[DeliveryAttempt, _Mapping]] = ..., last_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
