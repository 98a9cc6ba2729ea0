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

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_DENY: _ClassVar[Decision]
    DECISION_ALLOW: _ClassVar[Decision]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_PERMITTED: _ClassVar[Reason]
    REASON_FORBIDDEN: _ClassVar[Reason]
    REASON_DEFAULT: _ClassVar[Reason]
    REASON_INVALID_REQUEST: _ClassVar[Reason]
    REASON_INVALID_SESSION: _ClassVar[Reason]
    REASON_SESSION_EXPIRED: _ClassVar[Reason]
    REASON_SESSION_NOT_YET_VALID: _ClassVar[Reason]
    REASON_SESSION_REVOKED: _ClassVar[Reason]
    REASON_PRINCIPAL_REVOKED: _ClassVar[Reason]
    REASON_SOURCE_FAILED: _ClassVar[Reason]
    REASON_SOURCE_STALE: _ClassVar[Reason]
    REASON_UNKNOWN_ENTITY: _ClassVar[Reason]
    REASON_INTERNAL_ERROR: _ClassVar[Reason]

class View(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_UNSPECIFIED: _ClassVar[View]
    VIEW_BASIC: _ClassVar[View]
    VIEW_FULL: _ClassVar[View]
DECISION_UNSPECIFIED: Decision
DECISION_DENY: Decision
DECISION_ALLOW: Decision
REASON_UNSPECIFIED: Reason
REASON_PERMITTED: Reason
REASON_FORBIDDEN: Reason
REASON_DEFAULT: Reason
REASON_INVALID_REQUEST: Reason
REASON_INVALID_SESSION: Reason
REASON_SESSION_EXPIRED: Reason
REASON_SESSION_NOT_YET_VALID: Reason
REASON_SESSION_REVOKED: Reason
REASON_PRINCIPAL_REVOKED: Reason
REASON_SOURCE_FAILED: Reason
REASON_SOURCE_STALE: Reason
REASON_UNKNOWN_ENTITY: Reason
REASON_INTERNAL_ERROR: Reason
VIEW_UNSPECIFIED: View
VIEW_BASIC: View
VIEW_FULL: View

class Shown(_message.Message):
    __slots__ = ("certificate", "proofs", "method", "url")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    proofs: _containers.RepeatedScalarFieldContainer[str]
    method: str
    url: str
    def __init__(self, certificate: _Optional[bytes] = ..., proofs: _Optional[_Iterable[str]] = ..., method: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("principal", "action", "resource", "context", "session", "entities", "now", "handles", "view", "token", "shown")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    HANDLES_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    principal: _value_pb2.Entity
    action: str
    resource: _value_pb2.Entity
    context: _value_pb2.Record
    session: _value_pb2.Record
    entities: _containers.RepeatedCompositeFieldContainer[_value_pb2.Entity]
    now: _timestamp_pb2.Timestamp
    handles: _containers.RepeatedScalarFieldContainer[str]
    view: View
    token: str
    shown: Shown
    def __init__(self, principal: _Optional[_Union[_value_pb2.Entity, _Mapping]] = ..., action: _Optional[str] = ..., resource: _Optional[_Union[_value_pb2.Entity, _Mapping]] = ..., context: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., session: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., entities: _Optional[_Iterable[_Union[_value_pb2.Entity, _Mapping]]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., handles: _Optional[_Iterable[str]] = ..., view: _Optional[_Union[View, str]] = ..., token: _Optional[str] = ..., shown: _Optional[_Union[Shown, _Mapping]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("decision", "reason", "detail", "determining_rules", "erring_rules", "obligations", "unhandled_obligations", "remedies", "valid_until", "lease", "revision", "facts_revision", "epoch")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DETERMINING_RULES_FIELD_NUMBER: _ClassVar[int]
    ERRING_RULES_FIELD_NUMBER: _ClassVar[int]
    OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    UNHANDLED_OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_REVISION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    reason: Reason
    detail: str
    determining_rules: _containers.RepeatedScalarFieldContainer[str]
    erring_rules: _containers.RepeatedScalarFieldContainer[str]
    obligations: _containers.RepeatedCompositeFieldContainer[Obligation]
    unhandled_obligations: _containers.RepeatedScalarFieldContainer[str]
    remedies: _containers.RepeatedCompositeFieldContainer[Remedy]
    valid_until: _timestamp_pb2.Timestamp
    lease: _duration_pb2.Duration
    revision: str
    facts_revision: str
    epoch: str
    def __init__(self, decision: _Optional[_Union[Decision, str]] = ..., reason: _Optional[_Union[Reason, str]] = ..., detail: _Optional[str] = ..., determining_rules: _Optional[_Iterable[str]] = ..., erring_rules: _Optional[_Iterable[str]] = ..., obligations: _Optional[_Iterable[_Union[Obligation, _Mapping]]] = ..., unhandled_obligations: _Optional[_Iterable[str]] = ..., remedies: _Optional[_Iterable[_Union[Remedy, _Mapping]]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., revision: _Optional[str] = ..., facts_revision: _Optional[str] = ..., epoch: _Optional[str] = ...) -> None: ...

class Obligation(_message.Message):
    __slots__ = ("name", "arguments", "unknown")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    name: str
    arguments: _value_pb2.Record
    unknown: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., arguments: _Optional[_Union[_value_pb2.Record, _Mapping]] = ..., unknown: _Optional[_Iterable[str]] = ...) -> None: ...

class Remedy(_message.Message):
    __slots__ = ("rule", "needs", "lifts")
    RULE_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    LIFTS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    needs: _containers.RepeatedCompositeFieldContainer[Need]
    lifts: _containers.RepeatedCompositeFieldContainer[Lift]
    def __init__(self, rule: _Optional[str] = ..., needs: _Optional[_Iterable[_Union[Need, _Mapping]]] = ..., lifts: _Optional[_Iterable[_Union[Lift, _Mapping]]] = ...) -> None: ...

class Need(_message.Message):
    __slots__ = ("rule", "text", "approvals")
    RULE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    text: str
    approvals: ApprovalsMissing
    def __init__(self, rule: _Optional[str] = ..., text: _Optional[str] = ..., approvals: _Optional[_Union[ApprovalsMissing, _Mapping]] = ...) -> None: ...

class ApprovalsMissing(_message.Message):
    __slots__ = ("missing", "count", "approvers", "window", "of")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    missing: int
    count: int
    approvers: _containers.RepeatedScalarFieldContainer[str]
    window: _duration_pb2.Duration
    of: _value_pb2.Value
    def __init__(self, missing: _Optional[int] = ..., count: _Optional[int] = ..., approvers: _Optional[_Iterable[str]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., of: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class Lift(_message.Message):
    __slots__ = ("rule", "one_of")
    RULE_FIELD_NUMBER: _ClassVar[int]
    ONE_OF_FIELD_NUMBER: _ClassVar[int]
    rule: str
    one_of: _containers.RepeatedCompositeFieldContainer[Need]
    def __init__(self, rule: _Optional[str] = ..., one_of: _Optional[_Iterable[_Union[Need, _Mapping]]] = ...) -> None: ...
