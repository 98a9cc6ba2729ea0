# Written by `make proto`; not to be edited.
import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from pdp_sidecar.generated import check_pb2 as _check_pb2
from pdp_sidecar.generated import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Semantic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEMANTIC_UNSPECIFIED: _ClassVar[Semantic]
    SEMANTIC_EXECUTE_ALL: _ClassVar[Semantic]
    SEMANTIC_DENY_ON_FIRST_DENY: _ClassVar[Semantic]
    SEMANTIC_PERMIT_ON_FIRST_PERMIT: _ClassVar[Semantic]

class Truth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUTH_UNSPECIFIED: _ClassVar[Truth]
    TRUTH_TRUE: _ClassVar[Truth]
    TRUTH_FALSE: _ClassVar[Truth]
    TRUTH_UNKNOWN: _ClassVar[Truth]

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_PERMIT: _ClassVar[Effect]
    EFFECT_FORBID: _ClassVar[Effect]

class WatchState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_STATE_UNSPECIFIED: _ClassVar[WatchState]
    WATCH_STATE_ALLOWED: _ClassVar[WatchState]
    WATCH_STATE_SUSPENDED: _ClassVar[WatchState]
    WATCH_STATE_ENDED: _ClassVar[WatchState]
    WATCH_STATE_STALE: _ClassVar[WatchState]
    WATCH_STATE_FAILED: _ClassVar[WatchState]
SEMANTIC_UNSPECIFIED: Semantic
SEMANTIC_EXECUTE_ALL: Semantic
SEMANTIC_DENY_ON_FIRST_DENY: Semantic
SEMANTIC_PERMIT_ON_FIRST_PERMIT: Semantic
TRUTH_UNSPECIFIED: Truth
TRUTH_TRUE: Truth
TRUTH_FALSE: Truth
TRUTH_UNKNOWN: Truth
EFFECT_UNSPECIFIED: Effect
EFFECT_PERMIT: Effect
EFFECT_FORBID: Effect
WATCH_STATE_UNSPECIFIED: WatchState
WATCH_STATE_ALLOWED: WatchState
WATCH_STATE_SUSPENDED: WatchState
WATCH_STATE_ENDED: WatchState
WATCH_STATE_STALE: WatchState
WATCH_STATE_FAILED: WatchState

class CheckBatchRequest(_message.Message):
    __slots__ = ("defaults", "items", "semantic")
    DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_FIELD_NUMBER: _ClassVar[int]
    defaults: _check_pb2.CheckRequest
    items: _containers.RepeatedCompositeFieldContainer[_check_pb2.CheckRequest]
    semantic: Semantic
    def __init__(self, defaults: _Optional[_Union[_check_pb2.CheckRequest, _Mapping]] = ..., items: _Optional[_Iterable[_Union[_check_pb2.CheckRequest, _Mapping]]] = ..., semantic: _Optional[_Union[Semantic, str]] = ...) -> None: ...

class CheckBatchResponse(_message.Message):
    __slots__ = ("responses",)
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    responses: _containers.RepeatedCompositeFieldContainer[_check_pb2.CheckResponse]
    def __init__(self, responses: _Optional[_Iterable[_Union[_check_pb2.CheckResponse, _Mapping]]] = ...) -> None: ...

class CheckStreamRequest(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    request: _check_pb2.CheckRequest
    def __init__(self, id: _Optional[int] = ..., request: _Optional[_Union[_check_pb2.CheckRequest, _Mapping]] = ...) -> None: ...

class CheckStreamResponse(_message.Message):
    __slots__ = ("id", "response")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    id: int
    response: _check_pb2.CheckResponse
    def __init__(self, id: _Optional[int] = ..., response: _Optional[_Union[_check_pb2.CheckResponse, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request", "all")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    request: _check_pb2.CheckRequest
    all: bool
    def __init__(self, request: _Optional[_Union[_check_pb2.CheckRequest, _Mapping]] = ..., all: _Optional[bool] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("response", "rules", "text", "json")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    response: _check_pb2.CheckResponse
    rules: _containers.RepeatedCompositeFieldContainer[RuleTrace]
    text: str
    json: str
    def __init__(self, response: _Optional[_Union[_check_pb2.CheckResponse, _Mapping]] = ..., rules: _Optional[_Iterable[_Union[RuleTrace, _Mapping]]] = ..., text: _Optional[str] = ..., json: _Optional[str] = ...) -> None: ...

class RuleTrace(_message.Message):
    __slots__ = ("rule", "effect", "applies", "place", "clauses")
    RULE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    APPLIES_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    CLAUSES_FIELD_NUMBER: _ClassVar[int]
    rule: str
    effect: Effect
    applies: Truth
    place: str
    clauses: _containers.RepeatedCompositeFieldContainer[ClauseTrace]
    def __init__(self, rule: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., applies: _Optional[_Union[Truth, str]] = ..., place: _Optional[str] = ..., clauses: _Optional[_Iterable[_Union[ClauseTrace, _Mapping]]] = ...) -> None: ...

class ClauseTrace(_message.Message):
    __slots__ = ("kind", "text", "truth", "remedy", "place")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    text: str
    truth: Truth
    remedy: str
    place: str
    def __init__(self, kind: _Optional[str] = ..., text: _Optional[str] = ..., truth: _Optional[_Union[Truth, str]] = ..., remedy: _Optional[str] = ..., place: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("subscribe", "unsubscribe")
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    subscribe: Subscribe
    unsubscribe: Unsubscribe
    def __init__(self, subscribe: _Optional[_Union[Subscribe, _Mapping]] = ..., unsubscribe: _Optional[_Union[Unsubscribe, _Mapping]] = ...) -> None: ...

class Subscribe(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    request: _check_pb2.CheckRequest
    def __init__(self, id: _Optional[int] = ..., request: _Optional[_Union[_check_pb2.CheckRequest, _Mapping]] = ...) -> None: ...

class Unsubscribe(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("beat", "change")
    BEAT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    beat: Beat
    change: Change
    def __init__(self, beat: _Optional[_Union[Beat, _Mapping]] = ..., change: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ("epoch", "interval")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    interval: _duration_pb2.Duration
    def __init__(self, epoch: _Optional[str] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("id", "state", "response")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    id: int
    state: WatchState
    response: _check_pb2.CheckResponse
    def __init__(self, id: _Optional[int] = ..., state: _Optional[_Union[WatchState, str]] = ..., response: _Optional[_Union[_check_pb2.CheckResponse, _Mapping]] = ...) -> None: ...

class WhoCanRequest(_message.Message):
    __slots__ = ("principal_type", "action", "resource", "context", "session", "entities", "handles", "page_size", "page_token")
    PRINCIPAL_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    HANDLES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    principal_type: str
    action: str
    resource: _value_pb2.Entity
    context: _value_pb2.Record
    session: _value_pb2.Record
    entities: _containers.RepeatedCompositeFieldContainer[_value_pb2.Entity]
    handles: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, principal_type: _Optional[str] = ..., action: _Optional[str] = ..., resource: _Optional[_Union[_value_pb2.Entity, _Mapping]] = ..., context: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., session: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., entities: _Optional[_Iterable[_Union[_value_pb2.Entity, _Mapping]]] = ..., handles: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class WhoCanResponse(_message.Message):
    __slots__ = ("principals", "next_page_token")
    PRINCIPALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    principals: _containers.RepeatedCompositeFieldContainer[_value_pb2.EntityRef]
    next_page_token: str
    def __init__(self, principals: _Optional[_Iterable[_Union[_value_pb2.EntityRef, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WhatCanRequest(_message.Message):
    __slots__ = ("principal", "action", "resource", "resource_type", "context", "session", "entities", "handles", "page_size", "page_token")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    HANDLES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    principal: _value_pb2.Entity
    action: str
    resource: _value_pb2.Entity
    resource_type: str
    context: _value_pb2.Record
    session: _value_pb2.Record
    entities: _containers.RepeatedCompositeFieldContainer[_value_pb2.Entity]
    handles: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, principal: _Optional[_Union[_value_pb2.Entity, _Mapping]] = ..., action: _Optional[str] = ..., resource: _Optional[_Union[_value_pb2.Entity, _Mapping]] = ..., resource_type: _Optional[str] = ..., context: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., session: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., entities: _Optional[_Iterable[_Union[_value_pb2.Entity, _Mapping]]] = ..., handles: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class WhatCanResponse(_message.Message):
    __slots__ = ("permitted", "next_page_token")
    PERMITTED_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    permitted: _containers.RepeatedCompositeFieldContainer[Permitted]
    next_page_token: str
    def __init__(self, permitted: _Optional[_Iterable[_Union[Permitted, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Permitted(_message.Message):
    __slots__ = ("action", "resource")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    action: str
    resource: _value_pb2.EntityRef
    def __init__(self, action: _Optional[str] = ..., resource: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ...) -> None: ...
