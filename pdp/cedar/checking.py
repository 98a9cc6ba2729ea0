"""What `pdp check` says of the files of a Cedar application: what keeps it from loading, and what validation finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.cedar.loading import Read, Texts, read, sorted_out
from pdp.cedar.validation import skipping, validate
from pdp.errors import Diagnostic, Severity
from pdp.loaded import Loaded
from pdp.model import Effect
from pdp.source import Source, Span


def check_sources(sources: Sequence[Source], revision: str, problems: Sequence[Diagnostic] = ()) -> Loaded:
    """Load the texts of a folder and validate them; `problems` are what was found before.

    An error of validation is one that Cedar tells whoever validates: the folder would load all the same.
    """
    texts = sorted_out(sources)
    found = read(texts)
    return Loaded(
        policy=None if problems else found.policy(revision),
        store=found.store,
        diagnostics=(*problems, *found.every, *_validation(texts, found)),
        files=len(sources),
    )


def _validation(texts: Texts, found: Read) -> list[Diagnostic]:
    if found.schema is None:
        # What there is to say of the schema is said already.
        return []
    policies = [*(each for each in found.policies if not each.slots), *found.templates]
    warnings = [*_unlinked(found), *skipping(policies, found.schema)]
    if found.schema.open:
        return [*_no_schema(texts), *warnings]
    return [*validate(policies, found.schema), *warnings]


def _unlinked(found: Read) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="unlinked_template",
            message=f"the template `{template.id}` is linked nowhere, so that it {_DOES[template.effect]} nothing",
            span=template.span,
            help="link it in a file that is called `links.json`, or remove it",
            severity=Severity.WARNING,
        )
        for template in found.templates
        if template.id not in found.linked
    ]


_DOES: Final = {Effect.PERMIT: "permits", Effect.FORBID: "forbids"}


def _no_schema(texts: Texts) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="no_schema",
            message="there is no schema, so that a misspelt name or attribute goes unnoticed",
            span=Span(Source(source.path, ""), 0, 0),
            help="put a file that ends in `.cedarschema` or `.cedarschema.json` beside the policies",
            severity=Severity.WARNING,
        )
        for source in texts.policies[:1]
    ]
