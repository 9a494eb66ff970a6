import datetime

from foreword.v1 import report_pb2 as _report_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Dataset(_message.Message):
    __slots__ = ("name", "display_name", "description", "version", "content_sha256", "row_count", "byte_size", "report", "creator", "create_time", "unlabelled", "captured_from")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UNLABELLED_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_FROM_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    version: int
    content_sha256: str
    row_count: int
    byte_size: int
    report: DataReport
    creator: str
    create_time: _timestamp_pb2.Timestamp
    unlabelled: bool
    captured_from: CaptureProvenance
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., version: _Optional[int] = ..., content_sha256: _Optional[str] = ..., row_count: _Optional[int] = ..., byte_size: _Optional[int] = ..., report: _Optional[_Union[DataReport, _Mapping]] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unlabelled: _Optional[bool] = ..., captured_from: _Optional[_Union[CaptureProvenance, _Mapping]] = ...) -> None: ...

class CaptureProvenance(_message.Message):
    __slots__ = ("deployment", "filter", "request_count", "unanswered_count", "repeated_count", "revisions", "first_time", "last_time")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNANSWERED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPEATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    deployment: str
    filter: str
    request_count: int
    unanswered_count: int
    repeated_count: int
    revisions: _containers.RepeatedScalarFieldContainer[int]
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    def __init__(self, deployment: _Optional[str] = ..., filter: _Optional[str] = ..., request_count: _Optional[int] = ..., unanswered_count: _Optional[int] = ..., repeated_count: _Optional[int] = ..., revisions: _Optional[_Iterable[int]] = ..., first_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DataReport(_message.Message):
    __slots__ = ("row_count", "usable_row_count", "findings", "omitted_finding_count", "parts", "format")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    USABLE_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FINDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    usable_row_count: int
    findings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    omitted_finding_count: int
    parts: _containers.RepeatedCompositeFieldContainer[_report_pb2.ReportPart]
    format: str
    def __init__(self, row_count: _Optional[int] = ..., usable_row_count: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ..., omitted_finding_count: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[_report_pb2.ReportPart, _Mapping]]] = ..., format: _Optional[str] = ...) -> None: ...

class DatasetRow(_message.Message):
    __slots__ = ("row", "input", "output", "fields_json")
    ROW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    row: int
    input: str
    output: str
    fields_json: str
    def __init__(self, row: _Optional[int] = ..., input: _Optional[str] = ..., output: _Optional[str] = ..., fields_json: _Optional[str] = ...) -> None: ...
