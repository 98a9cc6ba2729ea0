"""The forms of values, types, entities, diagnostics and the schema."""

from __future__ import annotations

from typing import Any, Final

from pdp.cache.forms import (
    BYTES,
    FLAG,
    NAMES,
    NUMBER,
    SPAN,
    TEXT,
    Corrupt,
    Form,
    Places,
    choice,
    late,
    mapping,
    optional,
    pair,
    several,
    shape,
    union,
)
from pdp.errors import Diagnostic, Severity
from pdp.model import Approval, Membership, Node, Revocation, RevocationKind
from pdp.schema import Action, EntityType, ObligationType, Role, Schema
from pdp.symbols import Semantics
from pdp.types import EntityTypes, EnumType, FieldType, Primitive, RecordType, SetType
from pdp.values import (
    INT_MAX,
    INT_MIN,
    UNKNOWN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    Unknown,
    Value,
    ValueSet,
)

# ----------------------------------------------------------------------------------------------------------- values

REF: Final = shape(EntityRef, type=TEXT, id=TEXT)


def _write_wide(value: int, places: Places) -> Any:
    # MessagePack has no number of more than 64 bits, and Cedar's times are longer.
    return value if INT_MIN <= value <= INT_MAX else value.to_bytes(16, signed=True)


def _read_wide(data: Any, places: Places) -> int:
    return int.from_bytes(data, signed=True) if data.__class__ is bytes else NUMBER.read(data, places)


_WIDE: Final = Form(_write_wide, _read_wide)
DATETIME: Final = shape(Datetime, micros=_WIDE)
DURATION: Final = shape(Duration, micros=_WIDE)


def _read_address(data: Any, places: Places) -> int:
    return int.from_bytes(BYTES.read(data, places))


# MessagePack has no number of 128 bits.
_ADDRESS: Final = Form(lambda value, places: value.to_bytes(16), _read_address)


_SIMPLE: Final = (bool, int, str)
_OTHERS: Final[Form] = union(
    {
        1: (Decimal, shape(Decimal, units=NUMBER)),
        2: (Datetime, DATETIME),
        3: (Duration, DURATION),
        4: (Ip, shape(Ip, version=NUMBER, first=_ADDRESS, last=_ADDRESS, written=optional(_ADDRESS))),
        5: (EnumMember, shape(EnumMember, enum=TEXT, name=TEXT)),
        6: (EntityRef, REF),
        7: (Record, late(lambda: _RECORD)),
        8: (ValueSet, late(lambda: _SET)),
        9: (Unknown, Form(lambda value, places: None, lambda data, places: UNKNOWN)),
    }
)


def _write_value(value: Value | Unknown, places: Places) -> Any:
    return value if value.__class__ in _SIMPLE else _OTHERS.write(value, places)


def _read_found(data: Any, places: Places) -> Any:
    if data.__class__ is int:
        if not INT_MIN <= data <= INT_MAX:
            raise Corrupt
        return data
    return data if data.__class__ in _SIMPLE else _OTHERS.read(data, places)


def _read_value(data: Any, places: Places) -> Any:
    found = _read_found(data, places)
    if found is UNKNOWN:
        raise Corrupt
    return found


VALUE: Final = Form(_write_value, _read_value)
FOUND: Final = Form(_write_value, _read_found)
_RECORD: Final[Form] = Form(mapping(VALUE).write, lambda data, places: Record(mapping(VALUE).read(data, places)))
_SET: Final[Form] = Form(several(VALUE).write, lambda data, places: ValueSet(several(VALUE).read(data, places)))

# --------------------------------------------------------------------------------------------------------- entities

TAGS: Final = mapping(VALUE)
MEMBERSHIP: Final = shape(Membership, parent=REF, until=optional(DATETIME))
NODE: Final = shape(Node, ref=REF, attributes=mapping(FOUND), parents=several(MEMBERSHIP), tags=TAGS)
REVOCATION: Final = shape(
    Revocation,
    kind=choice(RevocationKind),
    value=TEXT,
    type=TEXT,
    not_before=optional(DATETIME),
    why=TEXT,
)
APPROVAL: Final = shape(
    Approval,
    approver=REF,
    principal=REF,
    action=TEXT,
    resource=REF,
    at=DATETIME,
    of=optional(VALUE),
    until=optional(DATETIME),
    asked_by=optional(REF),
    actor=optional(REF),
)

# ------------------------------------------------------------------------------------------------------------ types


def _read_type(data: Any, places: Places) -> Any:
    return _TYPES.read(data, places)


TYPE: Final = Form(lambda value, places: _TYPES.write(value, places), _read_type)
FIELDS: Final = shape(RecordType, fields=mapping(shape(FieldType, type=TYPE, optional=FLAG)))
ENUM: Final = shape(EnumType, name=TEXT, members=several(TEXT))
_TYPES: Final[Form] = union(
    {
        1: (Primitive, choice(Primitive)),
        2: (EnumType, ENUM),
        3: (EntityTypes, shape(EntityTypes, names=NAMES)),
        4: (SetType, shape(SetType, element=optional(TYPE))),
        5: (RecordType, FIELDS),
    }
)

# ----------------------------------------------------------------------------------------------------------- schema

_DECLARED: Final = {"docs": TEXT, "span": SPAN}
SCHEMA: Final = shape(
    Schema,
    entities=mapping(
        shape(
            EntityType,
            name=TEXT,
            parents=NAMES,
            attributes=FIELDS,
            tags=optional(TYPE),
            ids=optional(NAMES),
            **_DECLARED,
        )
    ),
    enums=mapping(ENUM),
    actions=mapping(
        shape(
            Action,
            name=TEXT,
            principals=NAMES,
            resources=NAMES,
            context=FIELDS,
            session=FIELDS,
            ref=optional(REF),
            parents=several(REF),
            **_DECLARED,
        )
    ),
    groups=mapping(NAMES),
    roles=mapping(shape(Role, name=TEXT, types=NAMES, actions=NAMES, **_DECLARED)),
    obligations=mapping(shape(ObligationType, name=TEXT, fields=FIELDS, **_DECLARED)),
    aliases=mapping(TEXT),
    action_aliases=mapping(TEXT),
    semantics=choice(Semantics),
    open=FLAG,
    other=TEXT,
)

# ------------------------------------------------------------------------------------------------------ diagnostics

DIAGNOSTICS: Final = several(
    shape(
        Diagnostic,
        code=TEXT,
        message=TEXT,
        span=SPAN,
        help=optional(TEXT),
        notes=several(pair(TEXT, SPAN)),
        severity=choice(Severity),
    )
)
