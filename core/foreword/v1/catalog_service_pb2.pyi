from foreword.v1 import catalog_pb2 as _catalog_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListBaseModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBaseModelsResponse(_message.Message):
    __slots__ = ("base_models",)
    BASE_MODELS_FIELD_NUMBER: _ClassVar[int]
    base_models: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.BaseModel]
    def __init__(self, base_models: _Optional[_Iterable[_Union[_catalog_pb2.BaseModel, _Mapping]]] = ...) -> None: ...

class GetBaseModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.Task]
    def __init__(self, tasks: _Optional[_Iterable[_Union[_catalog_pb2.Task, _Mapping]]] = ...) -> None: ...

class ListTuningMethodsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTuningMethodsResponse(_message.Message):
    __slots__ = ("tuning_methods",)
    TUNING_METHODS_FIELD_NUMBER: _ClassVar[int]
    tuning_methods: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.TuningMethod]
    def __init__(self, tuning_methods: _Optional[_Iterable[_Union[_catalog_pb2.TuningMethod, _Mapping]]] = ...) -> None: ...

class ListParametersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListParametersResponse(_message.Message):
    __slots__ = ("tune_parameters", "generate_parameters")
    TUNE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    GENERATE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    tune_parameters: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.ParameterSpec]
    generate_parameters: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.ParameterSpec]
    def __init__(self, tune_parameters: _Optional[_Iterable[_Union[_catalog_pb2.ParameterSpec, _Mapping]]] = ..., generate_parameters: _Optional[_Iterable[_Union[_catalog_pb2.ParameterSpec, _Mapping]]] = ...) -> None: ...

class ListRowValidatorsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRowValidatorsResponse(_message.Message):
    __slots__ = ("row_validators",)
    ROW_VALIDATORS_FIELD_NUMBER: _ClassVar[int]
    row_validators: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.RowValidator]
    def __init__(self, row_validators: _Optional[_Iterable[_Union[_catalog_pb2.RowValidator, _Mapping]]] = ...) -> None: ...

class ListPluginsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPluginsResponse(_message.Message):
    __slots__ = ("plugins",)
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    plugins: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.Plugin]
    def __init__(self, plugins: _Optional[_Iterable[_Union[_catalog_pb2.Plugin, _Mapping]]] = ...) -> None: ...
