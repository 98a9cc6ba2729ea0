"""Templates of policies, and the links that fill their slots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pdp.cedar.text import is_type, read_ref
from pdp.cedar.tree import Constraint, Entity, Policy, Slot, SlotName
from pdp.classes import dataclass, field, replace
from pdp.conform.mismatch import Mismatch, clip, misplaced
from pdp.entities import jsonfile
from pdp.entities.document import Fault, Path, Place, Range, Ranges, Report
from pdp.errors import Diagnostic, suggest
from pdp.schema import Schema
from pdp.source import Source, Span
from pdp.syntax.limits import MAX_ERRORS
from pdp.values import EntityRef

MAX_LINKS: Final = 100_000
"""The links that one file may hold."""

_TEMPLATE: Final = ("template_id", "templateId")
_ID: Final = ("link_id", "newId")
_VALUES: Final = ("args", "values")
_KEYS: Final = frozenset({*_TEMPLATE, *_ID, *_VALUES})
_FORM: Final = '`{"template_id": "…", "link_id": "…", "args": {"?principal": "Type::\\"id\\""}}`'
_EMPTY: Final = Schema(entities={}, enums={}, actions={}, groups={}, roles={}, obligations={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A policy that is made of a template: its id, and the entity for each slot.

    `places` says where the parts were written: `template`, `id`, and each slot by its name.
    """

    template: str
    id: str
    values: Mapping[SlotName, EntityRef]
    span: Span | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)


# ---------------------------------------------------------------------------------------------------- reading links


def read_links(source: Source) -> tuple[tuple[Link, ...], list[Diagnostic]]:
    """Read a JSON file of links, in the form of Cedar's command line or in that of its policy sets.

    A link that is not as it should be is missing from the result and told by a diagnostic; nothing is raised.
    """
    report = Report()
    data = jsonfile.read(source.text, source, _EMPTY, report)
    reader = _Reader(report)
    if not report.faults:
        reader.read(data)
    wanted = [place for _, places in reader.found for place in places.values()]
    wanted += [fault.place for fault in report.faults if isinstance(fault.place, Place)]
    ranges = jsonfile.locate(source.text, source, wanted) if wanted else {}
    links = tuple(_placed(each, places, source, ranges) for each, places in reader.found)
    return links, _limited([_diagnostic(fault, source, ranges) for fault in report.faults])


def _placed(link: Link, places: Mapping[str, Place], source: Source, ranges: Ranges) -> Link:
    spans = {name: Span(source, *ranges[place]) for name, place in places.items()}
    return replace(link, span=spans.pop("link"), places=spans)


def _diagnostic(fault: Fault, source: Source, ranges: Ranges) -> Diagnostic:
    def span(place: Place | Range) -> Span:
        return Span(source, *(ranges[place] if isinstance(place, Place) else place))

    notes = () if fault.note is None else ((fault.note[0], span(fault.note[2])),)
    help_ = "write `[]` for no links" if fault.message == "the file is empty" else fault.help
    return Diagnostic(code=fault.code, message=fault.message, span=span(fault.place), help=help_, notes=notes)


def _limited(found: list[Diagnostic]) -> list[Diagnostic]:
    found.sort(key=lambda each: each.span.start if each.span is not None else 0)
    if len(found) <= MAX_ERRORS:
        return found
    message = f"the file has more than {MAX_ERRORS} errors: no others are shown"
    last = Diagnostic(code="too_many_errors", message=message, span=found[MAX_ERRORS - 1].span, help="mend these first")
    return [*found[:MAX_ERRORS], last]


class _Reader:
    """Turns data into links."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.found: list[tuple[Link, dict[str, Place]]] = []

    def read(self, data: Any) -> None:
        """Read the whole file."""
        if not isinstance(data, list):
            self.report.wrong(misplaced("a list of links", data, f"a file holds `[…]`, and each link is {_FORM}"), ())
            return
        if len(data) > MAX_LINKS:
            message = f"the file holds more than {MAX_LINKS} links"
            self.report.wrong(Mismatch("too_many_links", message, "split it into several files"), (MAX_LINKS,))
            return
        for index, each in enumerate(data):
            if self.report.full:
                break
            try:
                self.found.append(self._link(each, index))
            except Mismatch as wrong:
                self.report.wrong(wrong, (index,))

    def _link(self, data: Any, index: int) -> tuple[Link, dict[str, Place]]:
        if not isinstance(data, dict):
            raise misplaced("a link", data, f"a link is {_FORM}")
        for key in data:
            if key not in _KEYS:
                help_ = suggest(key, _KEYS) or f"a link is {_FORM}"
                raise Mismatch("unknown_key", f"a link has no `{clip(key)}`", help_, (key,))
        template, id_, values = (_only(data, names) for names in (_TEMPLATE, _ID, _VALUES))
        filled = _slots(data[values], values)
        link = Link(template=_text(data[template], (template,)), id=_text(data[id_], (id_,)), values=filled)
        if not link.id:
            raise Mismatch("missing_key", "the id of a link is empty", None, (id_,))
        places = {
            "link": Place((index,)),
            "template": Place((index, template)),
            "id": Place((index, id_)),
            **{str(slot): Place((index, values, str(slot)), key=True) for slot in filled},
        }
        return link, places


def _only(data: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the one of two names for the same thing that stands in a link."""
    present = [name for name in names if name in data]
    if not present:
        raise Mismatch("missing_key", f"the link has no `{names[0]}`", f"a link is {_FORM}")
    if len(present) > 1:
        message = f"`{present[1]}` says the same as `{present[0]}`"
        raise Mismatch("unknown_key", message, "leave out one of them", (present[1],))
    return present[0]


def _text(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        raise misplaced("a string", value).under(*path)
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise Mismatch("lone_surrogate", "the string holds half a character", "delete it", path)
    return value


def _slots(values: Any, name: str) -> dict[SlotName, EntityRef]:
    if not isinstance(values, dict):
        raise misplaced("the entities for the slots", values, 'write `{"?principal": "Type::\\"id\\""}`').under(name)
    found = {}
    for slot, value in values.items():
        if slot not in tuple(SlotName):
            known = "the slots are `?principal` and `?resource`"
            raise Mismatch("unknown_key", f"there is no slot `{clip(slot)}`", known, (name, slot))
        found[SlotName(slot)] = _entity(value, (name, slot))
    return found


def _entity(value: Any, path: Path) -> EntityRef:
    if isinstance(value, str):
        try:
            return read_ref(_text(value, path))
        except ValueError as error:
            raise Mismatch("expected_entity", str(error), None, path) from error
    form = 'an entity is `"Type::\\"id\\""`, or `{"type": "Type", "id": "id"}`'
    if isinstance(value, dict) and value.keys() == {"__entity"}:
        value, path = value["__entity"], (*path, "__entity")
    if not isinstance(value, dict) or value.keys() != {"type", "id"}:
        raise misplaced("an entity", value, form).under(*path)
    type_ = _text(value["type"], (*path, "type"))
    if not is_type(type_):
        raise Mismatch("expected_entity", f"`{clip(type_)}` is no entity type", form, (*path, "type"))
    return EntityRef(type_, _text(value["id"], (*path, "id")))


# ---------------------------------------------------------------------------------------------------------- linking


def link(policies: Sequence[Policy], links: Iterable[Link]) -> tuple[tuple[Policy, ...], list[Diagnostic]]:
    """Put what the links make of the templates in their place; a template that nothing links is left out."""
    by_id = {each.id: each for each in policies}
    taken: dict[str, Span | None] = {each.id: each.span for each in policies}
    made: dict[str, list[Policy]] = {}
    found: list[Diagnostic] = []
    for each in links:
        template = by_id.get(each.template)
        problems = _problems(each, template, by_id, taken)
        found += problems
        if not problems and template is not None:
            made.setdefault(template.id, []).append(_filled(template, each))
            taken[each.id] = each.places.get("id", each.span)
        if len(found) > MAX_ERRORS:
            break
    result = [each for policy in policies for each in (made.get(policy.id, ()) if policy.slots else (policy,))]
    return tuple(result), _limited(found)


def _problems(
    link: Link, template: Policy | None, by_id: Mapping[str, Policy], taken: Mapping[str, Span | None]
) -> list[Diagnostic]:
    """Return what is wrong with a link."""
    shown = clip(link.template)
    at = link.places.get("template", link.span)
    if template is None:
        known = suggest(link.template, [each.id for each in by_id.values() if each.slots])
        help_ = known or "a template is named by its `@id`, or by `policy` and its place"
        return [Diagnostic(code="unknown_template", message=f"there is no template `{shown}`", span=at, help=help_)]
    if not template.slots:
        message = f"the policy `{shown}` is no template"
        help_ = "a template has `?principal` or `?resource` in its scope"
        return [Diagnostic(code="unknown_template", message=message, span=at, help=help_)]
    found = _slot_problems(link, template)
    if link.id in taken:
        first = taken[link.id]
        message = f"the id `{clip(link.id)}` is taken"
        notes = () if first is None else (("by this", first),)
        span = link.places.get("id", link.span)
        help_ = "give the link an id of its own"
        found.append(Diagnostic(code="duplicate_policy_id", message=message, span=span, help=help_, notes=notes))
    return found


def _slot_problems(link: Link, template: Policy) -> list[Diagnostic]:
    found = []
    shown = clip(link.template)
    for slot in sorted(template.slots - link.values.keys()):
        message = f"the link does not fill the slot `{slot}` of `{shown}`"
        help_ = f'add `"{slot}": "Type::\\"id\\""`'
        found.append(Diagnostic(code="missing_slot", message=message, span=link.span, help=help_))
    for slot in sorted(link.values.keys() - template.slots):
        message = f"the template `{shown}` has no slot `{slot}`"
        place = link.places.get(slot, link.span)
        found.append(Diagnostic(code="surplus_slot", message=message, span=place, help="leave it out"))
    return found


def _filled(template: Policy, link: Link) -> Policy:
    principal, resource = (_fill(each, link) for each in (template.principal, template.resource))
    return replace(template, id=link.id, principal=principal, resource=resource)


def _fill(constraint: Constraint, link: Link) -> Constraint:
    target = constraint.target
    if not isinstance(target, Slot):
        return constraint
    ref = link.values[target.name]
    return replace(constraint, target=Entity(span=link.places.get(target.name, target.span), ref=ref))
