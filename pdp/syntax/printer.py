"""From a policy text to the same policy in the canonical layout.

What a policy means, its comments and the order of everything in it stay. Literals, names and parentheses are written
as they were; what changes is white space, empty lines, line ends, and a comma before a closing bracket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from pdp.errors import Diagnostic
from pdp.source import Source
from pdp.syntax.layout import BLANK, HARD, LINE, Doc, concat, group, indent, render
from pdp.syntax.parser import parse
from pdp.syntax.phrases import Phrases
from pdp.syntax.tree import (
    ActionDecl,
    Approvals,
    Arithmetic,
    Because,
    Clause,
    Compare,
    ContextDecl,
    Decl,
    DefineDecl,
    EnumDecl,
    Expect,
    File,
    Given,
    GivenApproval,
    GivenEntity,
    GivenGrant,
    GivenSession,
    GrantDecl,
    GrantEnd,
    GroupDecl,
    Ident,
    Import,
    ImportName,
    Member,
    Needs,
    ObligationDecl,
    Oblige,
    Parameter,
    Recheck,
    Revoke,
    RoleDecl,
    RuleDecl,
    SessionDecl,
    Standing,
    Step,
    TestDecl,
    TypeDecl,
    Unless,
    Until,
    Via,
    When,
)


class UnfaithfulError(Exception):
    """The new text would not say the same as the old: a mistake of the printer, never of the policy."""


def reformat(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """Return a text in the canonical layout, or None with the errors of a text that does not parse.

    Raise UnfaithfulError where the new text would not say the same, or would lose a comment.

    >>> print(reformat(Source("a.pdp", "type User  {name:String}# who asks"))[0], end="")
    type User { name: String }  # who asks
    """
    file, diagnostics = parse(source)
    if diagnostics:
        return None, diagnostics
    text = write(file)
    if text != source.text:
        # INVARIANT: nothing is handed out that says something else, whatever is wrong with this module.
        again, problems = parse(Source(source.path, text))
        if problems or again != file or _remarks(again) != _remarks(file):
            raise UnfaithfulError(f"`{source.path}` would not say the same in the canonical layout")
    return text, []


def write(file: File) -> str:
    """Return the canonical text of a file that was parsed without an error."""
    return render(Printer(file).file(file))


def _remarks(file: File) -> list[str]:
    return [comment.text for comment in file.comments]


class Printer(Phrases):
    """Writes declarations."""

    def file(self, file: File) -> Iterator[Doc]:
        """Write the whole file, one declaration after the other."""
        if file.namespace is not None:
            yield concat(*self._start(apart=False), self.words(2), self._dots(file.namespace))
        for at, import_ in enumerate(file.imports):
            yield concat(*self._start(apart=at == 0), self._import(import_))
        before: Decl | None = None
        for declaration in file.declarations:
            inside = before is not None and _stands_alone(before)
            apart = before is None or inside or _stands_alone(declaration) or bool(declaration.docs)
            yield concat(*self._start(apart=apart, inside=inside), self._declaration(declaration))
            before = declaration
        yield concat(*self._start(apart=False, inside=before is not None and _stands_alone(before)))

    def _start(self, *, apart: bool, inside: bool = False) -> list[Doc]:
        """Write what stands before the next declaration: comments, and an empty line if it stands `apart`.

        A comment that is indented right below a rule or a test is a part of it: it is followed by the empty line.
        """
        parts: list[Doc] = [HARD]
        comments = self.lead[:]
        self.lead.clear()
        if comments and not comments[0].own:
            parts.append(comments.pop(0))
        while inside and comments and not comments[0].blank and comments[0].indented:
            parts.append(indent(comments.pop(0)))
        if comments:
            if apart:
                comments[0].blank = True
            parts += comments
            if self.blank:
                parts.append(BLANK)
        elif apart or self.blank:
            parts += [HARD, BLANK]
        return parts

    def _dots(self, namespace: Ident) -> str:
        return "".join(self.tight() + self.tight() for _ in range(namespace.text.count(".")))

    def _import(self, node: Import) -> Doc:
        head = concat(self.words(2), self._dots(node.namespace), self.tight())
        return group(head, indent(LINE, self.listed(node.names, self._import_name)))

    def _import_name(self, node: ImportName) -> Doc:
        return self.words(1 if node.alias is None else 3)

    def _declaration(self, node: Decl) -> Doc:
        match node:
            case ContextDecl() | SessionDecl():
                return concat(self.take(), " ", self.fields(node.fields))
            case TypeDecl():
                return self._type(node)
            case EnumDecl():
                return concat(self.words(2), " ", self.bracketed(node.members, self.name, line=LINE))
            case ActionDecl():
                return self._action(node)
            case GroupDecl():
                return group(self.words(3), indent(LINE, self.names(node.actions)))
            case RoleDecl():
                head = concat(self.words(3), " ", self.names(node.types), self.tight())
                return group(head, indent(LINE, self.names(node.members)))
            case GrantDecl():
                return self._grant(node.end, node.because)
            case DefineDecl():
                return self._define(node)
            case ObligationDecl():
                return concat(self.words(2), " ", self.fields(node.fields))
            case RuleDecl():
                return self._rule(node)
            case TestDecl():
                return self._test(node)
            case _:
                assert_never(node)

    # ------------------------------------------------------------------------------------------------- the schema

    def _type(self, node: TypeDecl) -> Doc:
        parts = [self.words(2)]
        if node.parents:
            parts += [" ", self.take(), " ", self.names(node.parents)]
        if self.text == "{":
            parts += [" ", self.fields(node.fields)]
        return concat(*parts)

    def _action(self, node: ActionDecl) -> Doc:
        parts = [self.take(), " ", self.names(node.names)]
        for names in (node.groups, node.resources, node.principals):
            if names:
                parts.append(group(indent(LINE, self.take(), " ", self.names(names))))
        if self.text == "with":
            parts += [" ", self.take(), " ", self.fields(node.fields)]
        return concat(*parts)

    def _define(self, node: DefineDecl) -> Doc:
        head = self.words(2)
        if node.parameters is not None:
            head = self.bracketed(node.parameters, self._parameter, opened=concat(head, self.tight()), comma=False)
        head = concat(head, " ", self.take())
        # What breaks well by itself starts on this line.
        simple = isinstance(node.body, (Compare, Arithmetic)) and self.text != "("
        body = self.expression(node.body)
        return group(head, indent(LINE, body)) if simple else concat(head, " ", body)

    def _parameter(self, node: Parameter) -> Doc:
        return concat(self.take(), self.tight(), " ", self.type_expression(node.type))

    def _grant(self, end: GrantEnd, because: str | None) -> Doc:
        """Write a grant: of the policy, or given to a test."""
        # `grant role on Type "id" to Type "id"`
        head = self.words(8)
        if end.standing is not None:
            tail = [LINE, self.words(3)]
        else:
            tail = [LINE, self.words(2 if end.start is None else 4)]
            if because is not None:
                tail += [LINE, self.words(2)]
        return group(head, indent(*tail))

    # ------------------------------------------------------------------------------------------------------- rules

    def _rule(self, node: RuleDecl) -> Doc:
        head = concat(self.words(2), self.tight())
        effect = concat(*self.spacing(), self.take(), " ", indent(self.scopes(node.principals)))
        actions = concat(LINE, self.take(), " ")
        actions = concat(actions, self.take() if node.actions.every else self.names(node.actions.names))
        resources = concat(LINE, self.take(), " ", self.scopes(node.resources))
        parts: list[Doc] = [HARD, group(effect, indent(actions, resources))]
        for clause in node.clauses:
            parts += [HARD, *self.spacing(), self._clause(clause)]
        return concat(head, indent(*parts))

    def _clause(self, clause: Clause) -> Doc:
        match clause:
            case When():
                return concat(self.take(), " ", self.expression(clause.condition))
            case Needs() | Unless():
                return self._asked(clause)
            case Until() | Because():
                return self.words(2)
            case Standing() | Recheck():
                return self.words(3)
            case Via():
                return concat(self.take(), " ", self.scope_list(clause.actors))
            case Oblige():
                return concat(self.words(2), " ", self.record(clause.arguments))
            case _:
                assert_never(clause)

    def _asked(self, clause: Needs | Unless) -> Doc:
        word = self.take()
        if isinstance(clause.condition, Approvals):
            return concat(word, " ", self.approvals(clause.condition))
        condition = self.expression(clause.condition)
        if clause.remedy is None:
            return concat(word, " ", condition)
        return group(word, " ", condition, indent(LINE, self.words(2)))

    # ------------------------------------------------------------------------------------------------------- tests

    def _test(self, node: TestDecl) -> Doc:
        head = concat(self.words(2), self.tight())
        parts: list[Doc] = []
        if node.given:
            parts += [HARD, *self.spacing(), self._facts(node.given)]
        parts += self._expects(node.expects)
        for step in node.steps:
            parts += self._step(step)
        return concat(head, indent(*parts))

    def _facts(self, given: Sequence[Given]) -> Doc:
        word = concat(self.take(), " ")
        facts: list[Doc] = []
        for fact in given:
            facts += [HARD, *self.spacing()] if facts else []
            facts.append(self._given(fact))
        return concat(word, indent(*facts, by=len("given ")))

    def _expects(self, expects: Sequence[Expect]) -> list[Doc]:
        parts: list[Doc] = []
        for expect in expects:
            if expect.at is not None:
                parts += [HARD, *self.spacing(), self.words(2)]
            parts += [HARD, *self.spacing(), self._expect(expect)]
        return parts

    def _step(self, step: Step) -> list[Doc]:
        # `then at D`, `then revoke …`, `then given …`: what is more stands on lines of its own.
        then: list[Doc] = [HARD, *self.spacing(), self.take(), " "]
        changes: list[Doc] = []
        if step.at is not None:
            changes.append(self.words(2))
        if step.revoked:
            changes += [HARD, *self.spacing()] if changes else []
            changes.append(concat(self.take(), " ", self.listed(step.revoked, self._revoke)))
        if step.given:
            changes += [HARD, *self.spacing()] if changes else []
            changes.append(self._facts(step.given))
        return [*then, indent(*changes, by=len("then ")), indent(*self._expects(step.expects))]

    def _revoke(self, node: Revoke) -> Doc:
        return self.words(3 if node.entity is not None else 2)

    def _given(self, fact: Given) -> Doc:
        match fact:
            case GivenEntity():
                parts = [self.entity(fact.entity)]
                if fact.parents:
                    parts += [" ", self.take(), " ", self.listed(fact.parents, self._member)]
                if fact.attributes is not None:
                    parts += [" ", self.record(fact.attributes)]
                return concat(*parts)
            case GivenSession():
                return concat(self.take(), " ", self.record(fact.attributes))
            case GivenGrant():
                return self._grant(fact.end, None)
            case GivenApproval():
                return self._approval(fact)
            case _:
                assert_never(fact)

    def _member(self, member: Member) -> Doc:
        return self.words(2 if member.until is None else 4)

    def _approval(self, fact: GivenApproval) -> Doc:
        # `approval by Type "id" of Type "id" to action on Type "id"`
        head = self.words(12)
        tail = []
        if fact.of is not None:
            tail += [self.take(), " ", self.expression(fact.of), " "]
        return group(head, indent(LINE, *tail, self.words(2)))

    def _expect(self, node: Expect) -> Doc:
        # `expect allow Type "id" to action on Type "id"`
        head = self.words(9)
        parts: list[Doc] = []
        for record in (node.context, node.session):
            if record is not None:
                parts.append(group(LINE, self.take(), " ", self.record(record)))
        outcome: list[Doc] = []
        if node.rules is not None:
            outcome.append(self._named(node.rules))
        if node.errs is not None:
            outcome.append(self._named(node.errs))
        if node.needs is not None:
            word, listed = self.take(), self.listed(node.needs, lambda _: self.take()) if node.needs else self.take()
            outcome.append(concat(word, " ", listed))
        if node.obligations is not None:
            outcome.append(self._named(node.obligations))
        if node.until is not None or node.standing:
            outcome.append(self.words(2 if node.until is not None else 1))
        if outcome:
            parts.append(group(LINE, outcome[0], *(group(LINE, each) for each in outcome[1:])))
        return concat(head, indent(*parts))

    def _named(self, names: Sequence[Ident]) -> Doc:
        """Write a word and the names after it, or the word that stands for none."""
        return concat(self.take(), " ", self.names(names) if names else self.take())


def _stands_alone(node: Decl) -> bool:
    return isinstance(node, (RuleDecl, TestDecl))
