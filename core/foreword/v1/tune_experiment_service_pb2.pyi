from foreword.v1 import report_pb2 as _report_pb2
from foreword.v1 import resource_view_pb2 as _resource_view_pb2
from foreword.v1 import tune_comparison_pb2 as _tune_comparison_pb2
from foreword.v1 import tune_experiment_pb2 as _tune_experiment_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateTuneExperimentRequest(_message.Message):
    __slots__ = ("parent", "tune_experiment", "tune_experiment_id", "request_id", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    tune_experiment: _tune_experiment_pb2.TuneExperiment
    tune_experiment_id: str
    request_id: str
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., tune_experiment: _Optional[_Union[_tune_experiment_pb2.TuneExperiment, _Mapping]] = ..., tune_experiment_id: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class GetTuneExperimentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListTuneExperimentsRequest(_message.Message):
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

class ListTuneExperimentsResponse(_message.Message):
    __slots__ = ("tune_experiments", "next_page_token")
    TUNE_EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tune_experiments: _containers.RepeatedCompositeFieldContainer[_tune_experiment_pb2.TuneExperiment]
    next_page_token: str
    def __init__(self, tune_experiments: _Optional[_Iterable[_Union[_tune_experiment_pb2.TuneExperiment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchTuneExperimentRequest(_message.Message):
    __slots__ = ("name", "after_sequence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_sequence: int
    def __init__(self, name: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchTuneExperimentResponse(_message.Message):
    __slots__ = ("tune_experiment",)
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    tune_experiment: _tune_experiment_pb2.TuneExperiment
    def __init__(self, tune_experiment: _Optional[_Union[_tune_experiment_pb2.TuneExperiment, _Mapping]] = ...) -> None: ...

class UpdateTuneExperimentRequest(_message.Message):
    __slots__ = ("tune_experiment", "update_mask", "request_id")
    TUNE_EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    tune_experiment: _tune_experiment_pb2.TuneExperiment
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, tune_experiment: _Optional[_Union[_tune_experiment_pb2.TuneExperiment, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelTuneExperimentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RetryTuneExperimentRequest(_message.Message):
    __slots__ = ("name", "tune_experiment_id", "from_beginning", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TUNE_EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_BEGINNING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tune_experiment_id: str
    from_beginning: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., tune_experiment_id: _Optional[str] = ..., from_beginning: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteTuneExperimentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CompareTuneExperimentsRequest(_message.Message):
    __slots__ = ("parent", "names")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    parent: str
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parent: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class CompareTuneExperimentsResponse(_message.Message):
    __slots__ = ("tune_experiments", "differing_fields", "omitted_field_count", "datasets", "findings")
    TUNE_EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_FIELDS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    tune_experiments: _containers.RepeatedCompositeFieldContainer[_tune_comparison_pb2.ComparedTuneExperiment]
    differing_fields: _containers.RepeatedCompositeFieldContainer[_tune_comparison_pb2.DifferingField]
    omitted_field_count: int
    datasets: _containers.RepeatedCompositeFieldContainer[_tune_comparison_pb2.ComparedDataset]
    findings: _containers.RepeatedCompositeFieldContainer[_report_pb2.Finding]
    def __init__(self, tune_experiments: _Optional[_Iterable[_Union[_tune_comparison_pb2.ComparedTuneExperiment, _Mapping]]] = ..., differing_fields: _Optional[_Iterable[_Union[_tune_comparison_pb2.DifferingField, _Mapping]]] = ..., omitted_field_count: _Optional[int] = ..., datasets: _Optional[_Iterable[_Union[_tune_comparison_pb2.ComparedDataset, _Mapping]]] = ..., findings: _Optional[_Iterable[_Union[_report_pb2.Finding, _Mapping]]] = ...) -> None: ...
