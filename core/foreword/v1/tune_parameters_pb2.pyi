from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TuneParameters(_message.Message):
    __slots__ = ("batch_size", "num_epochs", "learning_rate", "accumulate_steps", "max_input_tokens", "max_output_tokens", "init_method", "init_text", "num_virtual_tokens", "seed", "validation_split", "early_stopping_patience", "keep_best", "refit", "optimizer", "schedule", "warmup_ratio", "weight_decay", "max_gradient_norm", "method_parameters", "init_tuned_model")
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    ACCUMULATE_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INIT_METHOD_FIELD_NUMBER: _ClassVar[int]
    INIT_TEXT_FIELD_NUMBER: _ClassVar[int]
    NUM_VIRTUAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SPLIT_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_PATIENCE_FIELD_NUMBER: _ClassVar[int]
    KEEP_BEST_FIELD_NUMBER: _ClassVar[int]
    REFIT_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    WARMUP_RATIO_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    MAX_GRADIENT_NORM_FIELD_NUMBER: _ClassVar[int]
    METHOD_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INIT_TUNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    batch_size: int
    num_epochs: int
    learning_rate: float
    accumulate_steps: int
    max_input_tokens: int
    max_output_tokens: int
    init_method: str
    init_text: str
    num_virtual_tokens: int
    seed: int
    validation_split: float
    early_stopping_patience: int
    keep_best: bool
    refit: bool
    optimizer: str
    schedule: str
    warmup_ratio: float
    weight_decay: float
    max_gradient_norm: float
    method_parameters: _struct_pb2.Struct
    init_tuned_model: str
    def __init__(self, batch_size: _Optional[int] = ..., num_epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., accumulate_steps: _Optional[int] = ..., max_input_tokens: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., init_method: _Optional[str] = ..., init_text: _Optional[str] = ..., num_virtual_tokens: _Optional[int] = ..., seed: _Optional[int] = ..., validation_split: _Optional[float] = ..., early_stopping_patience: _Optional[int] = ..., keep_best: _Optional[bool] = ..., refit: _Optional[bool] = ..., optimizer: _Optional[str] = ..., schedule: _Optional[str] = ..., warmup_ratio: _Optional[float] = ..., weight_decay: _Optional[float] = ..., max_gradient_norm: _Optional[float] = ..., method_parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., init_tuned_model: _Optional[str] = ...) -> None: ...

class TaskOptions(_message.Message):
    __slots__ = ("labels", "multi_label", "separator", "extra")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    SEPARATOR_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    multi_label: bool
    separator: str
    extra: _struct_pb2.Struct
    def __init__(self, labels: _Optional[_Iterable[str]] = ..., multi_label: _Optional[bool] = ..., separator: _Optional[str] = ..., extra: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
