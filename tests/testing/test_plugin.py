"""The pytest plugin: the same tests as `pdp test`, each with a node of its own, and fixtures."""

import pytest

pytest_plugins = ["pytester"]

USES = """
import pdp

ADA = pdp.ref("User", "ada")
HOME = pdp.Entity("Page", "home", {"public": True, "note": "hello"})


def test_reading(assert_allowed, assert_denied):
    user = pdp.Entity("User", "ada")

    assert assert_allowed(user, "read", HOME, by="public_pages").determining_rules == ("public_pages",)
    assert_denied(user, "edit", HOME, by=["inside"])


def test_remedies(assert_denied):
    user = pdp.Entity("User", "ada", parents=[pdp.ref("Group", "editors")])

    assert_denied(user, "edit", HOME, {"ip": "10.0.0.1"}, by=(), needs=["use a second factor"])


def test_the_engine(pdp_engine):
    pdp_engine.revoke(principal=ADA)

    assert not pdp_engine.allows(pdp.Entity("User", "ada"), "read", HOME)


def test_the_engine_is_another(pdp_engine):
    assert pdp_engine.allows(pdp.Entity("User", "ada"), "read", HOME)
"""


def test_a_named_folder_is_collected_with_a_node_for_each_test(pytester, folder):
    done = pytester.runpytest(folder, "-v")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*world.pdp::everybody reads what is public PASSED*"])


def test_a_failure_has_the_text_of_the_command(pytester, folder):
    done = pytester.runpytest(folder)

    done.stdout.fnmatch_lines(
        [
            "error[[]test_failed[]]: expected allow, found deny (forbidden) by inside",
            "  and expected by editors, found by inside",
            "  DENIES: forbid inside*",
        ]
    )
    assert "runtest" not in done.stdout.str()


def test_a_single_test_is_picked_out_by_its_node(pytester, folder):
    done = pytester.runpytest(f"{folder / 'world.pdp'}::everybody reads what is public")

    done.assert_outcomes(passed=1)


def test_a_file_belongs_to_the_highest_folder_that_holds_policies(pytester, folder):
    (folder / "deep").mkdir()
    (folder / "editing.pdp").rename(folder / "deep" / "editing.pdp")

    done = pytester.runpytest(folder / "deep" / "editing.pdp")

    done.assert_outcomes(failed=1)


def test_a_folder_that_does_not_load_is_an_error_of_collection(pytester, folder):
    (folder / "world.pdp").write_text("type User {")

    done = pytester.runpytest(folder)

    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["error[[]*[]]: *", "*--> world.pdp:1*"])


def test_nothing_is_collected_where_no_folder_of_policies_is_named(pytester, folder):
    pytester.makepyfile("def test_other(): pass")

    done = pytester.runpytest(folder.parent, pytester.path)

    done.assert_outcomes(passed=1)


def test_the_configuration_names_a_folder(pytester, folder):
    pytester.makeini(f"[pytest]\npdp_policies = {folder}\n")

    done = pytester.runpytest("-c", pytester.path / "tox.ini", folder.parent)

    done.assert_outcomes(passed=1, failed=1)


# In a process of their own: pytester forgets the modules that a run imported, and their classes would be there twice.


def test_fixtures_ask_the_policies_that_the_configuration_names(pytester, folder):
    pytester.makeini(f"[pytest]\npdp_policies = {folder}\n")
    pytester.makepyfile(USES)

    done = pytester.runpytest_subprocess(pytester.path)

    done.assert_outcomes(passed=4)


WRONG = {
    'assert_denied(ADA, "read", HOME)': "expected deny, found allow (permitted)",
    'assert_allowed(ADA, "read", HOME, by="editors")': "expected by editors, found by public_pages",
    'assert_allowed(ADA, "edit", HOME)': "expected allow, found deny (forbidden)",
    'assert_denied(ADA, "edit", HOME, needs=["a badge"])': "the remedies lack 'a badge': they are nothing",
}


def test_what_is_asserted_and_not_so_is_told_with_the_trace(pytester, folder):
    pytester.makeini(f"[pytest]\npdp_policies = {folder}\n")
    head = USES.partition("def test_reading")[0].replace("pdp.ref(", "pdp.Entity(")
    tests = [f"def test_{at}(assert_allowed, assert_denied):\n    {each}\n" for at, each in enumerate(WRONG)]
    pytester.makepyfile("\n".join([head, *tests]))

    done = pytester.runpytest_subprocess(pytester.path)

    done.assert_outcomes(failed=4)
    shown = done.stdout.str()
    assert [told for told in WRONG.values() if told not in shown] == []
    assert "DENIES: forbid inside" in shown


def test_pytest_starts_without_what_only_policies_need(pytester):
    pytester.makepyfile(
        "import sys\n"
        "def test_light():\n"
        "    heavy = {'pdp.engine', 'pdp.checker', 'pdp.interpreter', 'pdp.testing.suites', 'click'}\n"
        "    assert not heavy & sys.modules.keys()\n"
    )

    done = pytester.runpytest_subprocess()

    done.assert_outcomes(passed=1)


@pytest.mark.parametrize("name", ["build", "dist"])
def test_a_folder_of_tests_is_not_passed_over_for_its_name(pytester, folder, name):
    (folder / name).mkdir()
    (folder / "editing.pdp").rename(folder / name / "editing.pdp")

    done = pytester.runpytest(folder)

    done.assert_outcomes(passed=1, failed=1)


def test_a_folder_that_an_option_ignores_stays_ignored(pytester, folder):
    (folder / "build").mkdir()
    (folder / "editing.pdp").rename(folder / "build" / "editing.pdp")

    done = pytester.runpytest(folder, f"--ignore={folder / 'build'}")

    done.assert_outcomes(passed=1)
