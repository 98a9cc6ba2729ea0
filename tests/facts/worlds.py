"""A small declared world, and short ways to load into it."""

from pdp.entities import Store, load
from pdp.errors import Diagnostic
from pdp.schema import EntityType, Schema
from pdp.source import Source
from pdp.types import EntityTypes, EnumType, FieldType, Primitive, RecordType, SetType, Type
from pdp.values import EntityRef

ENV = EnumType("Env", ("dev", "staging", "prod"))
ADDRESS = RecordType({"city": FieldType(Primitive.STRING), "zip": FieldType(Primitive.STRING, optional=True)})
USER = EntityTypes(frozenset({"User"}))
PEOPLE = EntityTypes(frozenset({"User", "Group"}))

# One attribute of each kind, named after it.
KINDS: dict[str, Type] = {
    "bool": Primitive.BOOL,
    "int": Primitive.INT,
    "string": Primitive.STRING,
    "decimal": Primitive.DECIMAL,
    "datetime": Primitive.DATETIME,
    "duration": Primitive.DURATION,
    "ip": Primitive.IP,
    "env": ENV,
    "boss": USER,
    "strings": SetType(Primitive.STRING),
    "ints": SetType(Primitive.INT),
    "people": SetType(PEOPLE),
    "address": ADDRESS,
    "addresses": SetType(ADDRESS),
}


def entity_type(name: str, parents: tuple[str, ...] = (), **attributes: Type | FieldType) -> EntityType:
    fields = {key: kind if isinstance(kind, FieldType) else FieldType(kind) for key, kind in attributes.items()}
    return EntityType(name=name, parents=frozenset(parents), attributes=RecordType(fields))


def schema_of(*types: EntityType, **aliases: str) -> Schema:
    return Schema(
        entities={each.name: each for each in types},
        enums={"Env": ENV},
        actions={},
        groups={},
        roles={},
        obligations={},
        aliases={name.replace("__", "."): known for name, known in aliases.items()},
    )


WORLD = schema_of(
    entity_type("Group", ("Group",)),
    entity_type("User", ("Group",), email=Primitive.STRING, level=FieldType(Primitive.INT, optional=True)),
    entity_type("Thing", **{name: FieldType(kind, optional=True) for name, kind in KINDS.items()}),
    entity_type("Agent"),
    entity_type("Project"),
    entity_type("Service", ("Project",), env=ENV),
    checkout__Service="Service",
)


def user(id: str) -> EntityRef:
    return EntityRef("User", id)


def group(id: str) -> EntityRef:
    return EntityRef("Group", id)


def load_text(path: str, text: str, schema: Schema = WORLD) -> tuple[Store, list[Diagnostic]]:
    return load([Source(path, text)], schema)


def store_of(path: str, text: str, schema: Schema = WORLD) -> Store:
    store, diagnostics = load_text(path, text, schema)
    assert diagnostics == []
    return store


def codes_of(path: str, text: str, schema: Schema = WORLD) -> list[str]:
    store, diagnostics = load_text(path, text, schema)
    assert len(store) == 0 or not diagnostics
    return [each.code for each in diagnostics]
