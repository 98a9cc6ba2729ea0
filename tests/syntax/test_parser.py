import dataclasses
from enum import Enum
from pathlib import Path

import pytest

from pdp.model import Effect
from pdp.source import Source
from pdp.syntax import parse, tree

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.pdp"))


def read(text: str) -> tree.File:
    file, diagnostics = parse(Source("test.pdp", text))
    assert diagnostics == []
    return file


def declaration(text: str) -> tree.Decl:
    (found,) = read(text).declarations
    return found


def expression(text: str) -> tree.Expr:
    found = declaration(f"define it = {text}")
    assert isinstance(found, tree.DefineDecl)
    return found.body


def clauses(text: str) -> tuple[tree.Clause, ...]:
    found = declaration(f"rule it: permit User to read on Doc\n{text}")
    assert isinstance(found, tree.RuleDecl)
    return found.clauses


def outline(node: object) -> str:
    """Write a node as its class and its parts, without positions; a name as its text."""
    if isinstance(node, tree.Ident):
        return node.text
    if isinstance(node, tree.Node):
        parts = [getattr(node, each.name) for each in dataclasses.fields(node) if each.compare]
        return f"{type(node).__name__}({', '.join(outline(part) for part in parts)})"
    if isinstance(node, tuple):
        return f"[{', '.join(outline(item) for item in node)}]"
    if isinstance(node, Enum):
        return str(node)
    return repr(node) if isinstance(node, str | bool | None) else str(node)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_read_without_errors(path):
    text = path.read_text(encoding="utf-8")

    file, diagnostics = parse(Source(path.name, text))

    assert diagnostics == []
    assert file.declarations


# ------------------------------------------------------------------------------------------------------ expressions

EXPRESSIONS = {
    "a bare name": ("x", "Name('x')"),
    "true": ("true", "Literal(True)"),
    "an integer": ("12", "Literal(12)"),
    "an integer with leading zeros": ("007", "Literal(7)"),
    "the largest integer": ("9223372036854775807", "Literal(9223372036854775807)"),
    "the smallest integer is one literal": ("-9223372036854775808", "Literal(-9223372036854775808)"),
    "a minus belongs to the number after it": ("- 1.50", "Literal(-1.5)"),
    "a minus before a minus": ("--1", "Negate(Literal(-1))"),
    "a minus before anything else negates": ("-a.b", "Negate(Attribute(Name('a'), b, False))"),
    "a difference": ("a -1", "Arithmetic(-, Name('a'), Literal(1))"),
    "a datetime": ("2026-12-24", "Literal(2026-12-24T00:00:00Z)"),
    "a duration": ("1h30m", "Literal(1h30m)"),
    "an address range": ("10.0.0.0/8", "Literal(10.0.0.0/8)"),
    "an address that starts with a letter": ("fe80::1", "Literal(fe80::1)"),
    "an address that starts with a colon": ("::1", "Literal(::1)"),
    "a mapped address": ("::ffff:10.0.0.1", "Literal(10.0.0.1)"),
    "a string": ('"x # y"', "Literal('x # y')"),
    "escapes": (r'"\n\r\t\\\"\u{e9}\u{1F600}"', "Literal('\\n\\r\\t\\\\\"é😀')"),
    "an escape of what may not stand raw": (r'"\u{202e}"', "Literal('\\u202e')"),
    "an entity": ('User "ada"', "EntityLiteral(User, 'ada')"),
    "an attribute of an entity": ('User "ada".email', "Attribute(EntityLiteral(User, 'ada'), email, False)"),
    "any word is an attribute": ("a.in.when", "Attribute(Attribute(Name('a'), in, False), when, False)"),
    "a quoted attribute": ('a["b c"]', "Attribute(Name('a'), b c, True)"),
    "a call": ("f(x, 1)", "Call(f, [Name('x'), Literal(1)])"),
    "a call without arguments": ("f()", "Call(f, [])"),
    "an empty set": ("[]", "SetLiteral([])"),
    "a set with a comma at its end": ("[1, 2,]", "SetLiteral([Literal(1), Literal(2)])"),
    "a record": ('{ in: 1, "b c": {}, }', "RecordLiteral([[in, Literal(1)], [b c, RecordLiteral([])]])"),
    "an address right after a key": ("{ a:dead::1 }", "RecordLiteral([[a, Literal(dead::1)]])"),
    "products bind tighter than sums": (
        "a + b * c - d",
        "Arithmetic(-, Arithmetic(+, Name('a'), Arithmetic(*, Name('b'), Name('c'))), Name('d'))",
    ),
    "sums bind tighter than comparisons": (
        "a + b < c",
        "Compare(<, Arithmetic(+, Name('a'), Name('b')), Name('c'))",
    ),
    "comparisons bind tighter than not": ("not a == b", "Not(Compare(==, Name('a'), Name('b')))"),
    "not binds tighter than and": ("not a and b", "And([Not(Name('a')), Name('b')])"),
    "not twice": ("not not a", "Not(Not(Name('a')))"),
    "and takes any number of operands": ("a and b and c", "And([Name('a'), Name('b'), Name('c')])"),
    "or takes any number of operands": ("a or b or c", "Or([Name('a'), Name('b'), Name('c')])"),
    "parentheses keep and from or": ("a and (b or c)", "And([Name('a'), Or([Name('b'), Name('c')])])"),
    "parentheses leave no node": ("((a))", "Name('a')"),
    "in": ("a in b", "In(Name('a'), Name('b'))"),
    "is": ("a is User", "Is(Name('a'), User)"),
    "is empty": ("a is empty", "IsEmpty(Name('a'))"),
    "has": ('a has b."c d".in', "Has(Name('a'), [b, c d, in])"),
    "containsAll": ("a containsAll [b]", "Contains(containsAll, Name('a'), SetLiteral([Name('b')]))"),
    "containsAny": ("a containsAny b", "Contains(containsAny, Name('a'), Name('b'))"),
    "a pattern without stars": ('a like "x"', "Like(Name('a'), ['x'])"),
    "a pattern with stars": ('a like "*x**y"', "Like(Name('a'), ['', 'x', '', 'y'])"),
    "stars that are written as escapes": (r'a like "\**\u{2a}\\*"', "Like(Name('a'), ['*', '*\\\\', ''])"),
    "if": ("if a then b else c", "If(Name('a'), Name('b'), Name('c'))"),
    "if in parentheses": ("(if a then b else c) + 1", "Arithmetic(+, If(Name('a'), Name('b'), Name('c')), Literal(1))"),
    "any": (
        "any x in a.b: x == 1",
        "Quantifier(any, x, Attribute(Name('a'), b, False), Compare(==, Name('x'), Literal(1)))",
    ),
    "all reaches to the end": ("all x in y: x or z", "Quantifier(all, x, Name('y'), Or([Name('x'), Name('z')]))"),
    "a time in a zone": (
        'now["Europe/Berlin"].hour',
        "Attribute(Attribute(Name('now'), Europe/Berlin, True), hour, False)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_is_read(text, expected):
    found = expression(text)

    assert outline(found) == expected


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
def test_each_comparison_is_read(op):
    found = expression(f"a{op}b")

    assert outline(found) == f"Compare({op}, Name('a'), Name('b'))"


# ----------------------------------------------------------------------------------------------------- declarations

DECLARATIONS = {
    "context": (
        "context { ip: Ip, agent?: String, }",
        "ContextDecl([], [Field(ip, False, TypeName([Ip])), Field(agent, True, TypeName([String]))])",
    ),
    "session": ("session { actor?: A | B }", "SessionDecl([], [Field(actor, True, TypeName([A, B]))])"),
    "a type alone": ("type User", "TypeDecl([], User, [], [])"),
    "a type with parents and attributes": (
        'type User in Group, Org { in: [Int], "a b": { c: [[T]] } }',
        "TypeDecl([], User, [Group, Org], [Field(in, False, SetTypeExpr(TypeName([Int]))), "
        "Field(a b, False, RecordTypeExpr([Field(c, False, SetTypeExpr(SetTypeExpr(TypeName([T]))))]))])",
    ),
    "an enum": ("enum Country { de, in, }", "EnumDecl([], Country, [de, in])"),
    "an action": ("action read on Doc", "ActionDecl([], [read], [], [Doc], None, [])"),
    "an action with all of it": (
        "action read, to in group on Doc, Book by User, Agent with { a: Int }",
        "ActionDecl([], [read, to], [group], [Doc, Book], [User, Agent], [Field(a, False, TypeName([Int]))])",
    ),
    "an action group": ("actions operate = restart, deploy", "GroupDecl([], operate, [restart, deploy])"),
    "a role": ("role r on A, B: read, other", "RoleDecl([], r, [A, B], [read, other])"),
    "a grant that ends": (
        'grant r on A "a" to B "b" until 2026-12-24',
        "GrantDecl([], r, EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), "
        "GrantEnd(None, 2026-12-24T00:00:00Z, None), None)",
    ),
    "a grant that starts and ends, and why": (
        'grant r on A "a" to B "b" from 2026-01-01 until 2026-12-24 because "holiday"',
        "GrantDecl([], r, EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), "
        "GrantEnd(2026-01-01T00:00:00Z, 2026-12-24T00:00:00Z, None), 'holiday')",
    ),
    "a grant that stands": (
        'grant r on A "a" to B "b" standing because "on call"',
        "GrantDecl([], r, EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), GrantEnd(None, None, 'on call'), None)",
    ),
    "a define": ("define limit = 3", "DefineDecl([], limit, None, Literal(3))"),
    "a define with parameters": (
        "define f(a: User, b: [Int]) = a",
        "DefineDecl([], f, [Parameter(a, TypeName([User])), Parameter(b, SetTypeExpr(TypeName([Int])))], Name('a'))",
    ),
    "an obligation": (
        "obligation notify { channel: String }",
        "ObligationDecl([], notify, [Field(channel, False, TypeName([String]))])",
    ),
    "an obligation without arguments": ("obligation log {}", "ObligationDecl([], log, [])"),
}


@pytest.mark.parametrize(("text", "expected"), DECLARATIONS.values(), ids=DECLARATIONS)
def test_a_declaration_is_read(text, expected):
    found = declaration(text)

    assert outline(found) == expected


# ------------------------------------------------------------------------------------------------------------ rules


def test_a_rule_is_read():
    found = declaration("rule r: forbid anyone to any on anything")

    assert isinstance(found, tree.RuleDecl)
    assert found.effect is Effect.FORBID
    assert outline(found) == "RuleDecl([], r, forbid, Scopes([], True), ActionScope([], True), Scopes([], True), [])"


def test_scopes_are_read():
    found = declaration('rule r: permit A, B "b", C in D "d", E in [D "d", D "e",], F to x, y on G in H "h"')

    assert isinstance(found, tree.RuleDecl)
    assert outline(found.principals) == (
        "Scopes([TypeScope(A, []), EntityScope(EntityLiteral(B, 'b')), TypeScope(C, [EntityLiteral(D, 'd')]), "
        "TypeScope(E, [EntityLiteral(D, 'd'), EntityLiteral(D, 'e')]), TypeScope(F, [])], False)"
    )
    assert outline(found.actions) == "ActionScope([x, y], False)"
    assert outline(found.resources) == "Scopes([TypeScope(G, [EntityLiteral(H, 'h')])], False)"


CLAUSES = {
    "when": ("when a", "When(Name('a'))"),
    "unless": ('unless a else "b"', "Unless(Name('a'), 'b')"),
    "unless without a remedy": ("unless a", "Unless(Name('a'), None)"),
    "unless approved": (
        "unless 3 approvals from A for 1h",
        "Unless(Approvals(3, None, [TypeScope(A, [])], 1h), None)",
    ),
    "needs": ('needs a else "b"', "Needs(Name('a'), 'b')"),
    "needs an if with a remedy": (
        'needs if a then b else c else "d"',
        "Needs(If(Name('a'), Name('b'), Name('c')), 'd')",
    ),
    "needs a number": ("needs 2 < 3", "Needs(Compare(<, Literal(2), Literal(3)), None)"),
    "needs approval": (
        'needs approval from A "a", B in C "c" for 90d',
        "Needs(Approvals(1, None, [EntityScope(EntityLiteral(A, 'a')), "
        "TypeScope(B, [EntityLiteral(C, 'c')])], 90d), None)",
    ),
    "needs approvals of a value": (
        "needs 2 approvals of context.x from A for 4h",
        "Needs(Approvals(2, Attribute(Name('context'), x, False), [TypeScope(A, [])], 4h), None)",
    ),
    "a comment before approvals": (
        "needs 2 # two\n approvals from A for 4h",
        "Needs(Approvals(2, None, [TypeScope(A, [])], 4h), None)",
    ),
    "via": ("via A, B", "Via([TypeScope(A, []), TypeScope(B, [])])"),
    "until": ("until 2026-12-24T09:00Z", "Until(2026-12-24T09:00:00Z)"),
    "standing": ('standing because "x"', "Standing('x')"),
    "recheck": ("recheck every 5m", "Recheck(5m)"),
    "oblige": ("oblige log { a: 1 }", "Oblige(log, RecordLiteral([[a, Literal(1)]]))"),
    "because": ('because "x"', "Because('x')"),
}


@pytest.mark.parametrize(("text", "expected"), CLAUSES.values(), ids=CLAUSES)
def test_a_clause_is_read(text, expected):
    (found,) = clauses(text)

    assert outline(found) == expected


def test_clauses_come_in_any_order_and_number():
    found = clauses('because "a" when b until 2026-12-24 when c because "d"')

    assert [type(clause) for clause in found] == [tree.Because, tree.When, tree.Until, tree.When, tree.Because]


# ------------------------------------------------------------------------------------------------------------ tests


def test_a_test_is_read():
    found = declaration('test "t": expect deny A "a" to b on C "c"')

    entities = "EntityLiteral(A, 'a'), b, EntityLiteral(C, 'c')"
    expect = f"Expect(None, False, {entities}, None, None, None, None, None, None, None, False)"
    assert outline(found) == f"TestDecl([], 't', [], [{expect}], [])"


GIVEN = {
    "an entity": ('A "a"', "GivenEntity(EntityLiteral(A, 'a'), [], None)"),
    "an entity with all of it": (
        'A "a" in B "b" until 2026-12-24, C "c" { d: 1 }',
        "GivenEntity(EntityLiteral(A, 'a'), [Member(EntityLiteral(B, 'b'), 2026-12-24T00:00:00Z), "
        "Member(EntityLiteral(C, 'c'), None)], RecordLiteral([[d, Literal(1)]]))",
    ),
    "a session": ("session { mfa: true }", "GivenSession(RecordLiteral([[mfa, Literal(True)]]))"),
    "a grant": (
        'grant r on A "a" to B "b" until 2026-12-24',
        "GivenGrant(r, EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), GrantEnd(None, 2026-12-24T00:00:00Z, None))",
    ),
    "an approval": (
        'approval by A "a" of B "b" to c on D "d" at 2026-12-24',
        "GivenApproval(EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), c, EntityLiteral(D, 'd'), "
        "None, 2026-12-24T00:00:00Z)",
    ),
    "an approval of a value": (
        'approval by A "a" of B "b" to c on D "d" with "c1" at 2026-12-24',
        "GivenApproval(EntityLiteral(A, 'a'), EntityLiteral(B, 'b'), c, EntityLiteral(D, 'd'), "
        "Literal('c1'), 2026-12-24T00:00:00Z)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), GIVEN.values(), ids=GIVEN)
def test_what_is_given_is_read(text, expected):
    found = declaration(f'test "t": given {text} expect deny A "a" to b on C "c"')

    assert isinstance(found, tree.TestDecl)
    assert outline(found.given) == f"[{expected}]"


def test_an_expectation_with_all_of_it_is_read():
    found = declaration(
        'test "t": at 2026-12-24 expect allow A "a" to b on C "c" with { d: 1 } as {} by e, f needs "g", "h" '
        'oblige i, j until 2026-12-25 expect deny A "a" to b on C "c" by default'
    )

    assert isinstance(found, tree.TestDecl)
    first, second = found.expects
    assert outline(first) == (
        "Expect(2026-12-24T00:00:00Z, True, EntityLiteral(A, 'a'), b, EntityLiteral(C, 'c'), "
        "RecordLiteral([[d, Literal(1)]]), RecordLiteral([]), [e, f], None, ['g', 'h'], [i, j], "
        "2026-12-25T00:00:00Z, False)"
    )
    assert second.rules == ()


def test_an_expectation_may_say_that_there_is_nothing():
    found = declaration(
        'test "t": expect allow A "a" to b on C "c" by d errs nothing needs nothing oblige nothing standing '
        'expect deny A "a" to b on C "c" errs d, e oblige i'
    )

    assert isinstance(found, tree.TestDecl)
    first, second = found.expects
    assert (first.errs, first.needs, first.obligations, first.standing) == ((), (), (), True)
    assert outline(second.errs) == "[d, e]"


def test_the_steps_of_a_test_are_read():
    found = declaration(
        'test "t": expect allow A "a" to b on C "c" '
        'then at 2026-12-24 revoke principal A "a", session "s" given A "b" expect deny A "a" to b on C "c" '
        'then given session {} expect deny A "a" to b on C "c" at 2026-12-25 expect deny A "a" to b on C "c"'
    )

    assert isinstance(found, tree.TestDecl)
    first, second = found.steps
    assert (str(first.at), len(first.given), len(first.expects)) == ("2026-12-24T00:00:00Z", 1, 1)
    assert outline(first.revoked) == "[Revoke(principal, EntityLiteral(A, 'a'), None), Revoke(session, None, 's')]"
    assert (second.at, second.revoked, len(second.expects)) == (None, (), 2)


# ------------------------------------------------------------------------------------------------------------ files


def test_an_empty_file_is_read():
    file = read("")

    assert (file.namespace, file.imports, file.declarations) == (None, (), ())


def test_the_head_of_a_file_is_read():
    file = read("namespace a.when.c\nimport d.e: F as G, h\nimport i: J")

    assert outline(file.namespace) == "a.when.c"
    assert (
        outline(file.imports)
        == "[Import(d.e, [ImportName(F, G), ImportName(h, None)]), Import(i, [ImportName(J, None)])]"
    )


def test_lines_may_end_as_on_windows():
    unix = "## doc\ntype A {\n\ta: Int }\n# end\nrule r: permit A to b on C\n"

    windows = read(unix.replace("\n", "\r\n"))

    assert windows.declarations == read(unix).declarations
    assert [comment.text for comment in windows.comments] == ["# end"]


def test_doc_lines_belong_to_the_declaration_after_them():
    file = read("## one\n##\n##\t two \n\n# between\ntype A\ntype B\n##x is no doc line\n### nor this\ntype C")

    assert [found.docs for found in file.declarations] == [("one", "", " two"), (), ()]


def test_comments_are_kept_in_order():
    file = read("# one  \ntype A # two\n#\n##x\nrule r: permit A to b on C\n  when a # three\n  and b\n#end")

    assert [comment.text for comment in file.comments] == ["# one", "# two", "#", "##x", "# three", "#end"]
    assert [comment.span.text for comment in file.comments] == [comment.text for comment in file.comments]


def test_a_file_may_end_in_a_comment_without_a_line_end():
    file = read("type A #")

    assert [comment.text for comment in file.comments] == ["#"]


# ------------------------------------------------------------------------------------------------------------ spans


def spans(node: object) -> list[str]:
    """Write each node below this one as its class and the text that it was read from, outermost first."""
    found = []
    if isinstance(node, tree.Node):
        found.append(f"{type(node).__name__}: {node.span.text}")
        children = [getattr(node, each.name) for each in dataclasses.fields(node) if each.name != "span"]
    else:
        children = list(node) if isinstance(node, tuple) else []
    for child in children:
        found += spans(child)
    return found


def test_expressions_span_from_their_first_to_their_last_character():
    found = expression('(a or b) == -c["d"] # end')

    assert spans(found) == [
        'Compare: (a or b) == -c["d"]',
        "Or: a or b",
        "Name: a",
        "Name: b",
        'Negate: -c["d"]',
        'Attribute: c["d"]',
        "Name: c",
        'Ident: "d"',
    ]


def test_declarations_span_from_their_keyword_to_their_last_token():
    file = read(
        "namespace a.b # n\nimport c: D as E # i\n## doc\ntype User in Group { a?: [Int] } # t\n"
        'rule r:\n  permit A in B "b" to c\n  on anything\n  needs 2 approvals from D for 1h # r\n'
    )

    assert spans(file.namespace) == ["Ident: a.b"]
    assert spans(file.imports) == ["Import: import c: D as E", "Ident: c", "ImportName: D as E", "Ident: D", "Ident: E"]
    assert spans(file.declarations) == [
        "TypeDecl: type User in Group { a?: [Int] }",
        "Ident: User",
        "Ident: Group",
        "Field: a?: [Int]",
        "Ident: a",
        "SetTypeExpr: [Int]",
        "TypeName: Int",
        "Ident: Int",
        'RuleDecl: rule r:\n  permit A in B "b" to c\n  on anything\n  needs 2 approvals from D for 1h',
        "Ident: r",
        'Scopes: A in B "b"',
        'TypeScope: A in B "b"',
        "Ident: A",
        'EntityLiteral: B "b"',
        "Ident: B",
        "ActionScope: c",
        "Ident: c",
        "Scopes: anything",
        "Needs: needs 2 approvals from D for 1h",
        "Approvals: 2 approvals from D for 1h",
        "TypeScope: D",
        "Ident: D",
    ]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_node_lies_within_the_node_that_holds_it(path):
    file, _ = parse(Source(path.name, path.read_text(encoding="utf-8")))

    work: list[tuple[tree.Node, object]] = [(file, getattr(file, each.name)) for each in dataclasses.fields(file)]
    while work:
        holder, child = work.pop()
        if isinstance(child, tuple):
            work += [(holder, item) for item in child]
        elif isinstance(child, tree.Node):
            assert holder.span.start <= child.span.start < child.span.end <= holder.span.end
            assert child.span.text == child.span.text.strip()
            work += [(child, getattr(child, each.name)) for each in dataclasses.fields(child)]
