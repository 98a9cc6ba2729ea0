"""`pdp revoke`: put on record that something counts no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdp.entities import Store
    from pdp.model import Revocation
    from pdp.schema import Schema
    from pdp.values import EntityRef

_HELP = """Put on record that something counts no longer: whatever was proved up to now, one thing at a time.

\b
TARGET  the policy folder, whose record stands beside it as FOLDER.revocations.db; or the record itself

An entity is written as `User:ada` or `'User "ada"'`, for policies of Cedar also as `'User::"ada"'`. Without a policy
folder, nobody can tell whether a type is misspelt. When the command ends with 0, the revocation is on the disk, and
every engine that shares the record denies when it looks at it next.

\b
Exit status:
  0  it is on record
  3  this cannot be revoked, or the target cannot be used
  4  the record cannot be written, or something went wrong"""

_EXAMPLES = """
pdp revoke policies --principal User:ada --why "her laptop is lost"
pdp revoke policies --workload Workload:spiffe://x/ci/ --not-before 2026-11-23T09:00:00Z
pdp revoke /var/lib/shop/revocations.db --create --session s-42 --json
"""

_ENTITIES = ("principal", "group", "workload")
_NAMES = ("session", "token", "key", "device")


@click.command(cls=Command, examples=_EXAMPLES, short_help="Put on record that something counts no longer.", help=_HELP)
@click.argument("target", type=click.Path())
@click.option("--principal", metavar="ENTITY", help="It, also where it acts for another.")
@click.option("--group", metavar="ENTITY", help="All who are in it.")
@click.option("--workload", metavar="ENTITY", help="All of its type whose ids begin like it.")
@click.option("--session", metavar="ID", help="The session of this id, or of this token.")
@click.option("--token", metavar="ID", help="Sessions that came with this token.")
@click.option("--key", metavar="ID", help="Sessions that are bound to this key.")
@click.option("--device", metavar="ID", help="Sessions from this device.")
@click.option("--issuer", metavar="ISSUER", help="Of a session, a token or a key: that of this issuer alone.")
@click.option(
    "--not-before",
    metavar="TIME",
    help="Up to when, as 2026-11-23T09:00:00Z; by default now, and for a session, a token or a key for good.",
)
@click.option("--why", metavar="TEXT", default="", help="For those who read the record.")
@click.option("--create", is_flag=True, help="Begin the record where there is none; beside a folder it always is.")
@click.pass_obj
def command(
    options: Options, /, target: str, issuer: str | None, not_before: str | None, why: str, create: bool, **named: Any
) -> int:
    """Write a revocation, and say where it stands."""
    from pdp.cli.entities import split_help
    from pdp.cli.terminal import emit, note, say
    from pdp.errors import RecordError
    from pdp.revocation.log import RevocationLog

    path, schema, store = _place(target)
    fact = _fact(named, issuer, not_before, why, schema, alone=store is None)
    notes = [*_notes(fact, schema, store)]
    try:
        log = RevocationLog(path, create=create or path != target)
        number = log.publish(fact)
        log.close()
    except RecordError as error:
        message, help_ = split_help(str(error))
        if "no such record" in message:
            help_ = "TARGET is a policy folder or a record; `--create` begins a record"
        raise Refusal("no_record", message, help=help_, status=Status.FAILED) from None
    until = None if fact.not_before is None else str(fact.not_before)
    if options.json:
        emit(
            {
                "sequence": number,
                "record": path,
                "kind": str(fact.kind),
                "type": fact.type,
                "value": fact.value,
                "not_before": until,
                "why": fact.why,
                "notes": notes,
            }
        )
    else:
        say(f"revoked {fact.kind} {_shown(fact)}, {f'up to {until}' if until else 'for good'}")
        say(f"  fact {number} of {path}")
        note(notes, options.color)
    return Status.OK


def _place(target: str) -> tuple[str, Schema, Store | None]:
    """Return the path of the record, the schema that names have to be of, and the entities that are known."""
    from pathlib import Path

    from pdp.folder import load
    from pdp.schema import Schema

    place = Path(target)
    if place.is_dir() or place.suffix in (".pdp", ".cedar"):
        policy, store = load(target).require()
        # A link that leads to one release now and to another soon has one record: it is called like the link.
        whole = place.resolve() if place.name in ("", "..") else place.absolute()
        return str(whole.with_name(f"{whole.name}.revocations.db")), policy.schema, store
    return target, Schema(entities={}, enums={}, actions={}, groups={}, roles={}, obligations={}, open=True), None


def _notes(fact: Revocation, schema: Schema, store: Store | None) -> Iterator[str]:
    """Yield what makes it likely that somebody else was meant."""
    from pdp.model import RevocationKind
    from pdp.values import EntityRef, show

    if not fact.type:
        return
    if store is None:
        yield f"no policy was asked whether there is a type `{fact.type}`"
    elif fact.kind is not RevocationKind.WORKLOAD:
        ref = EntityRef(schema.resolve(fact.type), fact.value)
        # Where others of the type come from elsewhere, so may this one.
        if store.node(ref) is None and any(node.ref.type == ref.type for node in store):
            yield f"no entity file holds {show(ref)}"


def _entity(text: str, schema: Schema, *, alone: bool) -> EntityRef:
    """Read the name of an entity as the policies write it; raise ValueError or Mismatch for anything else."""
    from pdp.conform import read_ref

    if not schema.is_cedar and not (alone and '::"' in text):
        return read_ref(text, None if schema.open else schema)
    # In the manner of pdp, it would be a name that nobody bears.
    from pdp.cedar.asked import name_of
    from pdp.cedar.text import read_ref as read_cedar

    return name_of(text, schema) if schema.is_cedar else read_cedar(text)


def _fact(
    named: dict[str, Any], issuer: str | None, not_before: str | None, why: str, schema: Schema, *, alone: bool
) -> Revocation:
    from pdp.cli.entities import split_help
    from pdp.clocks import wall_clock
    from pdp.conform import Mismatch
    from pdp.conform.scalars import datetime
    from pdp.errors import RequestError
    from pdp.revocation.claims import revocation_of

    for kind in _ENTITIES:
        if named[kind] is not None:
            try:
                named[kind] = _entity(named[kind], schema, alone=alone)
            except Mismatch as wrong:
                raise Refusal("invalid_request", f"`--{kind}`: {wrong.message}", help=wrong.help) from None
            except ValueError as error:
                message, help_ = split_help(str(error))
                raise Refusal("invalid_request", f"`--{kind}`: {message}", help=help_) from None
    try:
        until = None if not_before is None else datetime(not_before).to_datetime()
    except Mismatch as wrong:
        raise Refusal("invalid_usage", f"`--not-before`: {wrong.message}", help=wrong.help) from None
    try:
        return revocation_of(named, until, why, schema, wall_clock, issuer)
    except RequestError as error:
        message, help_ = split_help(str(error))
        choices = ", ".join(f"`--{each}`" for each in (*_ENTITIES, *_NAMES))
        none = not any(value is not None for value in named.values())
        raise Refusal("invalid_request", message, help=f"give one of {choices}" if none else help_) from None


def _shown(fact: Revocation) -> str:
    from pdp.values import EntityRef, show

    return show(EntityRef(fact.type, fact.value)) if fact.type else show(fact.value)
