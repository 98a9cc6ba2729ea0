"""The commands of `pdp`. Each is a module of its own, imported when it runs."""


def main() -> None:
    """Run the command that `sys.argv` names, and exit with its status."""
    from pdp.cli.commands import commands

    commands.main(prog_name="pdp")
