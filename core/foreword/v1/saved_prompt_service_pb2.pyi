from foreword.v1 import resource_view_pb2 as _resource_view_pb2
from foreword.v1 import saved_prompt_pb2 as _saved_prompt_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateSavedPromptRequest(_message.Message):
    __slots__ = ("parent", "saved_prompt", "saved_prompt_id", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SAVED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    SAVED_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    saved_prompt: _saved_prompt_pb2.SavedPrompt
    saved_prompt_id: str
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., saved_prompt: _Optional[_Union[_saved_prompt_pb2.SavedPrompt, _Mapping]] = ..., saved_prompt_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetSavedPromptRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListSavedPromptsRequest(_message.Message):
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

class ListSavedPromptsResponse(_message.Message):
    __slots__ = ("saved_prompts", "next_page_token")
    SAVED_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    saved_prompts: _containers.RepeatedCompositeFieldContainer[_saved_prompt_pb2.SavedPrompt]
    next_page_token: str
    def __init__(self, saved_prompts: _Optional[_Iterable[_Union[_saved_prompt_pb2.SavedPrompt, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateSavedPromptRequest(_message.Message):
    __slots__ = ("saved_prompt", "update_mask", "request_id")
    SAVED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    saved_prompt: _saved_prompt_pb2.SavedPrompt
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, saved_prompt: _Optional[_Union[_saved_prompt_pb2.SavedPrompt, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteSavedPromptRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListSavedPromptVersionsRequest(_message.Message):
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

class ListSavedPromptVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[_saved_prompt_pb2.SavedPromptVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[_saved_prompt_pb2.SavedPromptVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
