"""From the files of a Cedar application to a policy and its entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from pdp.cedar import tree
from pdp.cedar.facts import load_entities
from pdp.cedar.lowering import lower
from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import implicit_schema, load_schemas
from pdp.cedar.schemas.resolver import session_of
from pdp.cedar.templates import Link, link, read_links
from pdp.classes import dataclass, replace
from pdp.entities.store import Store
from pdp.errors import Diagnostic, Severity
from pdp.ids import is_action
from pdp.loaded import Loaded, digest
from pdp.schema import Action, Schema
from pdp.source import Source
from pdp.terms import Policy
from pdp.types import EntityTypes, RecordType
from pdp.values import EntityRef

ENDINGS: Final = (".cedar", ".cedarschema", ".cedarschema.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The files of a Cedar application, by what they hold."""

    policies: tuple[Source, ...] = ()
    schemas: tuple[Source, ...] = ()
    links: tuple[Source, ...] = ()
    entities: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What texts come to: with templates beside what they are linked to. `schema` and `store` are None where wrong.

    `linked` names the templates that a link fills. `diagnostics` are those of policies, schema and links; `of_entities`
    are the others.
    """

    templates: tuple[tree.Policy, ...]
    linked: frozenset[str]
    policies: tuple[tree.Policy, ...]
    schema: Schema | None
    store: Store | None
    diagnostics: tuple[Diagnostic, ...]
    of_entities: tuple[Diagnostic, ...]

    @property
    def every(self) -> tuple[Diagnostic, ...]:
        """All diagnostics."""
        return (*self.diagnostics, *self.of_entities)

    @property
    def sound(self) -> bool:
        """Whether there is no error."""
        return not any(each.severity is Severity.ERROR for each in self.every)

    def policy(self, revision: str) -> Policy | None:
        """Return the policy, where it is sound."""
        if self.schema is None or any(each.severity is Severity.ERROR for each in self.diagnostics):
            return None
        return lower(self.policies, self.schema, revision)


def load_sources(sources: Sequence[Source], revision: str, problems: Sequence[Diagnostic] = ()) -> Loaded:
    """Load the texts of a folder; `problems` are what was found before."""
    return load_texts(sorted_out(sources), problems, revision)


def load_texts(texts: Texts, problems: Sequence[Diagnostic] = (), revision: str | None = None) -> Loaded:
    """Load texts that belong together; without a `revision`, their own."""
    found = read(texts)
    sources = [*texts.policies, *texts.schemas, *texts.links, *texts.entities]
    diagnostics = (*problems, *found.diagnostics, *found.of_entities)
    policy = None if problems else found.policy(digest(sources) if revision is None else revision)
    return Loaded(policy=policy, store=found.store, diagnostics=diagnostics, files=len(sources))


def sorted_out(sources: Sequence[Source]) -> Texts:
    """Return the files of a folder by what they hold."""
    kinds: dict[str, list[Source]] = {"policies": [], "schemas": [], "links": [], "entities": []}
    for source in sources:
        kinds[_kind(source.path)].append(source)
    return Texts(**{kind: tuple(found) for kind, found in kinds.items()})


def _kind(path: str) -> str:
    if path.endswith(".cedar"):
        return "policies"
    if path.endswith(ENDINGS):
        return "schemas"
    return "links" if is_link_file(path) else "entities"


def is_link_file(path: str) -> bool:
    """Tell whether a file of a folder links templates, by its path.

    >>> [is_link_file(path) for path in ("links.json", "prod.links.json", "entities.json")]
    [True, True, False]
    """
    name = path.rpartition("/")[2]
    return name == "links.json" or name.endswith(".links.json")


def read(texts: Texts) -> Read:
    """Read texts that belong together."""
    diagnostics: list[Diagnostic] = []
    parsed = _parse(texts.policies, diagnostics)
    links: list[Link] = []
    for source in texts.links:
        found, wrong = read_links(source)
        links += found
        diagnostics += wrong
    policies, wrong = link(parsed, links)
    diagnostics += wrong
    of_entities: list[Diagnostic] = []
    schema, store = _world(texts, [*parsed, *policies], diagnostics, of_entities)
    return Read(
        templates=tuple(each for each in parsed if each.slots),
        linked=frozenset(each.template for each in links),
        policies=policies,
        schema=schema,
        store=store,
        diagnostics=tuple(diagnostics),
        of_entities=tuple(of_entities),
    )


def _world(
    texts: Texts, policies: Sequence[tree.Policy], diagnostics: list[Diagnostic], of_entities: list[Diagnostic]
) -> tuple[Schema | None, Store | None]:
    if texts.schemas:
        schema, wrong = load_schemas(texts.schemas)
        diagnostics += wrong
        if schema is None:
            return None, None
        store, wrong = load_entities(texts.entities, schema)
        of_entities += wrong
        return schema, store
    # Nobody wrote a schema: what there is, policies and entities say.
    store, wrong = load_entities(texts.entities, implicit_schema((), (), ()))
    of_entities += wrong
    parents = {} if store is None else {node.ref: tuple(step.parent for step in node.parents) for node in store}
    actions = [ref for ref in parents if is_action(ref.type)]
    types = {ref.type for ref in parents if not is_action(ref.type)}
    return _opened(implicit_schema(policies, types, actions), parents), store


def _opened(schema: Schema, parents: Mapping[EntityRef, tuple[EntityRef, ...]]) -> Schema:
    """Return a schema whose actions are in the groups that entity data says, with one that stands for all others."""
    actions = {
        name: action if action.ref is None else replace(action, parents=parents.get(action.ref, ()))
        for name, action in schema.actions.items()
    }
    other = '"'
    while other in actions:
        other += '"'
    types = frozenset(schema.entities)
    session = session_of(EntityTypes(types))
    actions[other] = Action(name=other, principals=types, resources=types, context=RecordType({}), session=session)
    return replace(schema, actions=actions, other=other)


def _parse(sources: Sequence[Source], diagnostics: list[Diagnostic]) -> list[tree.Policy]:
    found: dict[str, tree.Policy] = {}
    for source in sources:
        policies, wrong = parse_policies(source)
        diagnostics += wrong
        for policy in policies:
            named = _named(policy, source, alone=len(sources) == 1)
            first = found.setdefault(named.id, named)
            if first is not named:
                diagnostics.append(_twice(named, first))
    return list(found.values())


def _named(policy: tree.Policy, source: Source, *, alone: bool) -> tree.Policy:
    # By its place, a policy is known in its own file only.
    if alone or any(each.key == "id" for each in policy.annotations):
        return policy
    return replace(policy, id=f"{PurePosixPath(source.path).with_suffix('')}.{policy.id}")


def _twice(policy: tree.Policy, first: tree.Policy) -> Diagnostic:
    notes = () if first.span is None else (("it is the id of this one already", first.span),)
    message = f"two policies have the id `{policy.id}`"
    help_ = "give each `@id` once, over all files"
    return Diagnostic(code="duplicate_policy_id", message=message, span=policy.span, help=help_, notes=notes)
