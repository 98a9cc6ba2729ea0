"""How commands start, and what all of them have in common."""

import subprocess
import sys

import pytest

import pdp
from pdp.cli.commands import COMMANDS, Terminal, commands
from pdp.cli.init import FILES
from tests.cli.conftest import ALLOWED, AT, ROOT, python, start

HEAVY = {"rich", "yaml", "lark", "asyncio", "http", "tzdata", "decimal"}


def loaded_by(code, **options):
    """Name the modules that a piece of code loads, in a process of its own."""
    process = python("-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)", **options)
    assert process.returncode == 0, process.stderr.decode()
    return set(process.stderr.decode().split())


def test_importing_the_commands_loads_none_of_them():
    loaded = loaded_by("import pdp.cli")

    assert "pdp.cli" in loaded
    assert "click" not in loaded
    assert not loaded & {f"pdp.cli.{name}" for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_loaded_alone(name):
    code = f"""
from pdp.cli.commands import commands
try:
    commands.main([{name!r}, "--help"])
except SystemExit:
    pass
"""

    loaded = loaded_by(code)

    assert {each for each in COMMANDS if f"pdp.cli.{each}" in loaded} == {name}
    assert not {each.partition(".")[0] for each in loaded} & HEAVY


def test_the_help_loads_no_command():
    loaded = loaded_by("from pdp.cli.commands import commands\ntry: commands.main(['--help'])\nexcept SystemExit: pass")

    assert not loaded & {f"pdp.cli.{name}" for name in COMMANDS}


@pytest.mark.parametrize("command", ["decide", "trace"])
def test_a_decision_loads_nothing_that_it_does_not_need(folder, command):
    arguments = [command, str(folder), *ALLOWED, "--at", AT, "--handles", "notify"]

    code = f"""
from pdp.cli.commands import commands
try:
    commands.main({arguments!r})
except SystemExit as ended:
    assert ended.code == 0
"""

    loaded = loaded_by(code)

    assert "pdp.engine" in loaded
    assert not {each.partition(".")[0] for each in loaded} & HEAVY


# ---------------------------------------------------------------------------------------------------------- the help


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=lambda names: " ".join(names) or "pdp")
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_help_has_an_example(run, arguments, option):
    result = run(*arguments, option)

    usage, _, examples = result.stdout.partition("\nExamples:\n")
    assert result.exit_code == 0
    assert usage.startswith(f"Usage: {' '.join(['pdp', *arguments])} ")
    assert examples.startswith("  pdp ")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name):
    command = commands.get_command(None, name)

    assert command.short_help == COMMANDS[name]
    assert command.help.startswith(COMMANDS[name].rstrip("."))


@pytest.mark.parametrize("name", ["init", "check", "fmt", "decide", "trace"])
def test_the_help_tells_the_exit_statuses(run, name):
    result = run(name, "--help")

    assert "\n  Exit status:\n    0  " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_color_and_debug(run, name):
    text = run(name, "--help").stdout

    assert all(f"  {option} " in text for option in ("--json", "--color", "--debug"))


def test_without_a_command_the_help_is_no_success(run):
    result = run()

    assert (result.exit_code, result.stdout) == (3, "")
    assert "\nCommands:\n  init " in result.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chekc", "error: there is no command `chekc`\nhelp: did you mean `check`?\n"),
        ("\x1b[2J", "error: there is no command `\\u{1b}[2J`\nhelp: the commands are `init`, `check`, "),
        ("--frob", "error: no such option '--frob'"),
    ],
)
def test_an_unknown_command_is_named(run, name, said):
    result = run(name)

    assert result.exit_code == 3
    assert result.stderr.startswith(said)


def test_the_version_is_shown(run):
    result = run("--version")

    assert (result.exit_code, result.stdout) == (0, f"pdp {pdp.__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_says_nothing_of_its_end_failed(run, monkeypatch, name):
    command = commands.get_command(None, name)
    monkeypatch.setattr(command, "callback", lambda **_: None)
    monkeypatch.setattr(command, "params", [])

    result = run(name)

    assert result.exit_code == 4
    assert result.stderr == (
        "error: internal error: TypeError: the command returned no status\nhelp: `--debug` shows where it comes from\n"
    )


# -------------------------------------------------------------------------------------------------------- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(run, shell):
    result = run("completion", shell)

    assert result.exit_code == 0
    assert f"_PDP_COMPLETE={shell}_complete" in result.stdout


def test_completion_knows_some_shells(run):
    result = run("completion", "csh")

    assert result.exit_code == 3
    assert result.stderr.startswith("error: invalid value for")


def test_completion_completes(folder):
    env = {"_PDP_COMPLETE": "bash_complete", "COMP_WORDS": "pdp de", "COMP_CWORD": "1"}

    process = start(env=env)

    # Click knows the program by the name it runs as.
    assert (
        b"decide" in process.stdout
        or b"decide" in start(env={**env, "_PYTHON__M_PDP_COMPLETE": "bash_complete"}).stdout
    )


# ------------------------------------------------------------------------------------------------ processes and colour


def test_the_module_is_the_command(folder):
    allowed = start("decide", folder, *ALLOWED, "--at", AT, "--handles", "notify")
    denied = start("decide", folder, *ALLOWED, "--at", AT)

    assert (allowed.returncode, denied.returncode) == (0, 2)
    assert allowed.stdout.startswith(b"allow (permitted) by owners_deploy\n")


def test_a_closed_output_leaves_the_status(folder):
    command = f'"{sys.executable}" -m pdp decide "{folder}" User:sam read Service:shop'

    statuses = [
        subprocess.run(["sh", "-c", f"{command} {closed}"], cwd=ROOT, check=False, timeout=60).returncode
        for closed in (">&-", "2>&-", ">&- 2>&-")
    ]

    assert statuses == [0, 0, 0]


class Tty:
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("choice", "env", "color"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("never", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
    ],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, choice, env, color):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    terminal = Terminal.of(Tty(), choice)

    assert terminal.color is color


def test_no_colours_go_into_a_pipe(folder):
    process = start("decide", folder, "User:sam", "read", "Service:shop", env={"TERM": "xterm"})

    assert b"\x1b" not in process.stdout


def test_json_has_no_colours(run, folder):
    result = run("decide", folder, "User:sam", "read", "Service:shop", "--json", "--color", "always")

    assert "\x1b" not in result.stdout


def test_the_first_folder_is_part_of_the_package():
    from pdp.cli import init

    start_folder = ROOT / "pdp" / "cli" / "start"

    assert sorted(path.name for path in start_folder.iterdir()) == sorted(FILES)
    assert start_folder == init._START
