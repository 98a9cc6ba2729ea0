"""The commands of `pdp`. Each is a module of its own, imported when it runs."""


def main() -> None:
    """Run the command that `sys.argv` names, and exit with its status."""
    import sys

    from pdp.cli.plain import read

    plain = read(sys.argv[1:])
    if plain is None:
        from pdp.cli.commands import commands

        commands.main(prog_name="pdp")
    else:
        from pdp.cli.endings import Options, run

        path, color, given = plain
        options = Options(sys.argv[1:])
        options.color = color

        def decide() -> int:
            # What is imported may fail too, and then there is a status to tell.
            from pdp.cli.decision import decide

            return decide(options, path, given)

        sys.exit(int(run(decide, options)))
