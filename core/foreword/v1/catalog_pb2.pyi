from foreword.v1 import report_pb2 as _report_pb2
from foreword.v1 import tune_parameters_pb2 as _tune_parameters_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Architecture(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARCHITECTURE_UNSPECIFIED: _ClassVar[Architecture]
    ARCHITECTURE_ENCODER_DECODER: _ClassVar[Architecture]
    ARCHITECTURE_CAUSAL: _ClassVar[Architecture]

class PluginState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLUGIN_STATE_UNSPECIFIED: _ClassVar[PluginState]
    PLUGIN_STATE_LOADED: _ClassVar[PluginState]
    PLUGIN_STATE_FAILED: _ClassVar[PluginState]
    PLUGIN_STATE_BLOCKED: _ClassVar[PluginState]
ARCHITECTURE_UNSPECIFIED: Architecture
ARCHITECTURE_ENCODER_DECODER: Architecture
ARCHITECTURE_CAUSAL: Architecture
PLUGIN_STATE_UNSPECIFIED: PluginState
PLUGIN_STATE_LOADED: PluginState
PLUGIN_STATE_FAILED: PluginState
PLUGIN_STATE_BLOCKED: PluginState

class BaseModel(_message.Message):
    __slots__ = ("name", "display_name", "description", "architecture", "context_tokens", "hidden_size", "parameter_count", "licence", "tunable", "recipes", "aliases", "plugin")
    class RecipesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tune_parameters_pb2.TuneParameters
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tune_parameters_pb2.TuneParameters, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    TUNABLE_FIELD_NUMBER: _ClassVar[int]
    RECIPES_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    architecture: Architecture
    context_tokens: int
    hidden_size: int
    parameter_count: int
    licence: str
    tunable: bool
    recipes: _containers.MessageMap[str, _tune_parameters_pb2.TuneParameters]
    aliases: _containers.RepeatedScalarFieldContainer[str]
    plugin: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., architecture: _Optional[_Union[Architecture, str]] = ..., context_tokens: _Optional[int] = ..., hidden_size: _Optional[int] = ..., parameter_count: _Optional[int] = ..., licence: _Optional[str] = ..., tunable: _Optional[bool] = ..., recipes: _Optional[_Mapping[str, _tune_parameters_pb2.TuneParameters]] = ..., aliases: _Optional[_Iterable[str]] = ..., plugin: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "display_name", "description", "default_verbalizer", "closed", "options", "metrics", "plugin")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VERBALIZER_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    description: str
    default_verbalizer: str
    closed: bool
    options: _containers.RepeatedCompositeFieldContainer[ParameterSpec]
    metrics: _containers.RepeatedCompositeFieldContainer[_report_pb2.MetricSpec]
    plugin: str
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., default_verbalizer: _Optional[str] = ..., closed: _Optional[bool] = ..., options: _Optional[_Iterable[_Union[ParameterSpec, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[_report_pb2.MetricSpec, _Mapping]]] = ..., plugin: _Optional[str] = ...) -> None: ...

class TuningMethod(_message.Message):
    __slots__ = ("id", "display_name", "description", "parameters", "plugin", "unused_parameters")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    UNUSED_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    description: str
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterSpec]
    plugin: str
    unused_parameters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[ParameterSpec, _Mapping]]] = ..., plugin: _Optional[str] = ..., unused_parameters: _Optional[_Iterable[str]] = ...) -> None: ...

class RowValidator(_message.Message):
    __slots__ = ("id", "description", "plugin")
    ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    id: str
    description: str
    plugin: str
    def __init__(self, id: _Optional[str] = ..., description: _Optional[str] = ..., plugin: _Optional[str] = ...) -> None: ...

class Plugin(_message.Message):
    __slots__ = ("id", "distribution", "version", "module", "state", "error", "provides", "left_out")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROVIDES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str
    provides: _containers.RepeatedScalarFieldContainer[str]
    left_out: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., distribution: _Optional[str] = ..., version: _Optional[str] = ..., module: _Optional[str] = ..., state: _Optional[_Union[PluginState, str]] = ..., error: _Optional[str] = ..., provides: _Optional[_Iterable[str]] = ..., left_out: _Optional[_Iterable[str]] = ...) -> None: ...

class ParameterSpec(_message.Message):
    __slots__ = ("name", "description", "type", "minimum", "maximum", "default_value", "unit", "choices", "exclusive_minimum")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_MINIMUM_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    type: str
    minimum: float
    maximum: float
    default_value: _struct_pb2.Value
    unit: str
    choices: _containers.RepeatedScalarFieldContainer[str]
    exclusive_minimum: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., type: _Optional[str] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., default_value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., unit: _Optional[str] = ..., choices: _Optional[_Iterable[str]] = ..., exclusive_minimum: _Optional[bool] = ...) -> None: ...
