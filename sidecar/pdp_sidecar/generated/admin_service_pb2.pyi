# Written by `make proto`; not to be edited.
import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pdp_sidecar.generated import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SourceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_STATE_UNSPECIFIED: _ClassVar[SourceState]
    SOURCE_STATE_LOADED: _ClassVar[SourceState]
    SOURCE_STATE_STALE: _ClassVar[SourceState]
    SOURCE_STATE_FAILED: _ClassVar[SourceState]
SOURCE_STATE_UNSPECIFIED: SourceState
SOURCE_STATE_LOADED: SourceState
SOURCE_STATE_STALE: SourceState
SOURCE_STATE_FAILED: SourceState

class RevokeRequest(_message.Message):
    __slots__ = ("principal", "group", "workload", "session", "token", "key", "device", "not_before", "why", "issuer")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    principal: _value_pb2.EntityRef
    group: _value_pb2.EntityRef
    workload: _value_pb2.EntityRef
    session: str
    token: str
    key: str
    device: str
    not_before: _timestamp_pb2.Timestamp
    why: str
    issuer: str
    def __init__(self, principal: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., group: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., workload: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., session: _Optional[str] = ..., token: _Optional[str] = ..., key: _Optional[str] = ..., device: _Optional[str] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., why: _Optional[str] = ..., issuer: _Optional[str] = ...) -> None: ...

class RevokeResponse(_message.Message):
    __slots__ = ("sequence", "epoch", "workers", "ended")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    epoch: str
    workers: int
    ended: int
    def __init__(self, sequence: _Optional[int] = ..., epoch: _Optional[str] = ..., workers: _Optional[int] = ..., ended: _Optional[int] = ...) -> None: ...

class PendingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PendingResponse(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[AccessRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[AccessRequest, _Mapping]]] = ...) -> None: ...

class ApproveRequest(_message.Message):
    __slots__ = ("id", "why")
    ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    id: str
    why: str
    def __init__(self, id: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class ApproveResponse(_message.Message):
    __slots__ = ("request", "epoch")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    request: AccessRequest
    epoch: str
    def __init__(self, request: _Optional[_Union[AccessRequest, _Mapping]] = ..., epoch: _Optional[str] = ...) -> None: ...

class RejectRequest(_message.Message):
    __slots__ = ("id", "why")
    ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    id: str
    why: str
    def __init__(self, id: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class RejectResponse(_message.Message):
    __slots__ = ("request", "epoch")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    request: AccessRequest
    epoch: str
    def __init__(self, request: _Optional[_Union[AccessRequest, _Mapping]] = ..., epoch: _Optional[str] = ...) -> None: ...

class AccessRequest(_message.Message):
    __slots__ = ("id", "asked_by", "at", "why", "principal", "actor", "action", "resource", "of", "until", "approvers", "closed")
    ID_FIELD_NUMBER: _ClassVar[int]
    ASKED_BY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    id: str
    asked_by: _value_pb2.EntityRef
    at: _timestamp_pb2.Timestamp
    why: str
    principal: _value_pb2.EntityRef
    actor: _value_pb2.EntityRef
    action: str
    resource: _value_pb2.EntityRef
    of: str
    until: _timestamp_pb2.Timestamp
    approvers: _containers.RepeatedCompositeFieldContainer[_value_pb2.EntityRef]
    closed: str
    def __init__(self, id: _Optional[str] = ..., asked_by: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., why: _Optional[str] = ..., principal: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., actor: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., action: _Optional[str] = ..., resource: _Optional[_Union[_value_pb2.EntityRef, _Mapping]] = ..., of: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., approvers: _Optional[_Iterable[_Union[_value_pb2.EntityRef, _Mapping]]] = ..., closed: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("version", "ready", "problems", "revision", "facts_revision", "epoch", "started", "sources", "reload", "workers")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_REVISION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    RELOAD_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    version: str
    ready: bool
    problems: _containers.RepeatedScalarFieldContainer[str]
    revision: str
    facts_revision: str
    epoch: str
    started: _timestamp_pb2.Timestamp
    sources: _containers.RepeatedCompositeFieldContainer[SourceStatus]
    reload: Reload
    workers: int
    def __init__(self, version: _Optional[str] = ..., ready: _Optional[bool] = ..., problems: _Optional[_Iterable[str]] = ..., revision: _Optional[str] = ..., facts_revision: _Optional[str] = ..., epoch: _Optional[str] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[SourceStatus, _Mapping]]] = ..., reload: _Optional[_Union[Reload, _Mapping]] = ..., workers: _Optional[int] = ...) -> None: ...

class SourceStatus(_message.Message):
    __slots__ = ("name", "state", "age", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: SourceState
    age: _duration_pb2.Duration
    detail: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[SourceState, str]] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[str] = ...) -> None: ...

class Reload(_message.Message):
    __slots__ = ("at", "taken", "detail")
    AT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    taken: bool
    detail: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., taken: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...
