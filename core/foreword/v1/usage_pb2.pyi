from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_KIND_UNSPECIFIED: _ClassVar[UsageKind]
    USAGE_KIND_REQUESTS: _ClassVar[UsageKind]
    USAGE_KIND_INPUT_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_OUTPUT_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_VIRTUAL_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_TUNING_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_EVALUATION_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_BATCH_TOKENS: _ClassVar[UsageKind]
    USAGE_KIND_CAPACITY_UNIT_HOURS: _ClassVar[UsageKind]

class UsageField(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_FIELD_UNSPECIFIED: _ClassVar[UsageField]
    USAGE_FIELD_TENANT: _ClassVar[UsageField]
    USAGE_FIELD_DAY: _ClassVar[UsageField]
    USAGE_FIELD_MODEL: _ClassVar[UsageField]
USAGE_KIND_UNSPECIFIED: UsageKind
USAGE_KIND_REQUESTS: UsageKind
USAGE_KIND_INPUT_TOKENS: UsageKind
USAGE_KIND_OUTPUT_TOKENS: UsageKind
USAGE_KIND_VIRTUAL_TOKENS: UsageKind
USAGE_KIND_TUNING_TOKENS: UsageKind
USAGE_KIND_EVALUATION_TOKENS: UsageKind
USAGE_KIND_BATCH_TOKENS: UsageKind
USAGE_KIND_CAPACITY_UNIT_HOURS: UsageKind
USAGE_FIELD_UNSPECIFIED: UsageField
USAGE_FIELD_TENANT: UsageField
USAGE_FIELD_DAY: UsageField
USAGE_FIELD_MODEL: UsageField

class Usage(_message.Message):
    __slots__ = ("tenant", "day", "model", "kind", "amount")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    day: str
    model: str
    kind: UsageKind
    amount: float
    def __init__(self, tenant: _Optional[str] = ..., day: _Optional[str] = ..., model: _Optional[str] = ..., kind: _Optional[_Union[UsageKind, str]] = ..., amount: _Optional[float] = ...) -> None: ...
