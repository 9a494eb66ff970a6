import datetime

from foreword.v1 import capture_pb2 as _capture_pb2
from foreword.v1 import deploy_policy_pb2 as _deploy_policy_pb2
from foreword.v1 import report_pb2 as _report_pb2
from foreword.v1 import rollout_pb2 as _rollout_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Space(_message.Message):
    __slots__ = ("name", "display_name", "stage", "description", "tags", "creator", "create_time", "update_time", "policy", "etag", "warnings")
    class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STAGE_UNSPECIFIED: _ClassVar[Space.Stage]
        STAGE_DEVELOPMENT: _ClassVar[Space.Stage]
        STAGE_PRODUCTION: _ClassVar[Space.Stage]
    STAGE_UNSPECIFIED: Space.Stage
    STAGE_DEVELOPMENT: Space.Stage
    STAGE_PRODUCTION: Space.Stage
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    stage: Space.Stage
    description: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    policy: _deploy_policy_pb2.DeployPolicy
    etag: str
    warnings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., stage: _Optional[_Union[Space.Stage, str]] = ..., description: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., policy: _Optional[_Union[_deploy_policy_pb2.DeployPolicy, _Mapping]] = ..., etag: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ...) -> None: ...

class Deployment(_message.Message):
    __slots__ = ("name", "display_name", "serving_name", "description", "tags", "model", "state", "error", "serving_revision", "revisions", "creator", "create_time", "update_time", "etag", "candidate_revision", "capture", "capture_usage")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Deployment.State]
        STATE_INITIALIZING: _ClassVar[Deployment.State]
        STATE_READY: _ClassVar[Deployment.State]
        STATE_FAILED: _ClassVar[Deployment.State]
        STATE_UPDATING: _ClassVar[Deployment.State]
    STATE_UNSPECIFIED: Deployment.State
    STATE_INITIALIZING: Deployment.State
    STATE_READY: Deployment.State
    STATE_FAILED: Deployment.State
    STATE_UPDATING: Deployment.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SERVING_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SERVING_REVISION_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_USAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    serving_name: str
    description: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    model: str
    state: Deployment.State
    error: _status_pb2.Status
    serving_revision: int
    revisions: _containers.RepeatedCompositeFieldContainer[DeploymentRevision]
    creator: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    candidate_revision: int
    capture: _capture_pb2.CapturePolicy
    capture_usage: _capture_pb2.CaptureUsage
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., serving_name: _Optional[str] = ..., description: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., state: _Optional[_Union[Deployment.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., serving_revision: _Optional[int] = ..., revisions: _Optional[_Iterable[_Union[DeploymentRevision, _Mapping]]] = ..., creator: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., candidate_revision: _Optional[int] = ..., capture: _Optional[_Union[_capture_pb2.CapturePolicy, _Mapping]] = ..., capture_usage: _Optional[_Union[_capture_pb2.CaptureUsage, _Mapping]] = ...) -> None: ...

class DeploymentRevision(_message.Message):
    __slots__ = ("revision", "model", "state", "error", "probe_effect", "create_time", "rollout", "verdict")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[DeploymentRevision.State]
        STATE_PROBING: _ClassVar[DeploymentRevision.State]
        STATE_READY: _ClassVar[DeploymentRevision.State]
        STATE_FAILED: _ClassVar[DeploymentRevision.State]
    STATE_UNSPECIFIED: DeploymentRevision.State
    STATE_PROBING: DeploymentRevision.State
    STATE_READY: DeploymentRevision.State
    STATE_FAILED: DeploymentRevision.State
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROBE_EFFECT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    model: str
    state: DeploymentRevision.State
    error: _status_pb2.Status
    probe_effect: float
    create_time: _timestamp_pb2.Timestamp
    rollout: _rollout_pb2.Rollout
    verdict: _deploy_policy_pb2.DeployVerdict
    def __init__(self, revision: _Optional[int] = ..., model: _Optional[str] = ..., state: _Optional[_Union[DeploymentRevision.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., probe_effect: _Optional[float] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rollout: _Optional[_Union[_rollout_pb2.Rollout, _Mapping]] = ..., verdict: _Optional[_Union[_deploy_policy_pb2.DeployVerdict, _Mapping]] = ...) -> None: ...
