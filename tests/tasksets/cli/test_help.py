"""docs/cli.md is what ``--help`` prints. To write it anew: python tests/tasksets/cli/test_help.py > docs/cli.md"""

from pathlib import Path

from typer.testing import CliRunner

from openenv_tasksets.cli.app import app

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
REGENERATE = "python tests/tasksets/cli/test_help.py > docs/cli.md"


def help_page() -> str:
    """Markdown with the help text of the command and of every subcommand."""
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    parts = ["# The command"]
    for words in ([], *([name] for name in names)):
        parts.append(f"## `{' '.join(['tasksets', *words])}`")
        parts.append(f"```text\n{help_text(words)}```")
    return "\n\n".join(parts) + "\n"


def help_text(words: list[str]) -> str:
    # The runner makes the terminal 80 columns wide and takes colours off.
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="tasksets")
    assert result.exit_code == 0, result.output
    return "".join(f"{line.rstrip()}\n" for line in result.output.splitlines())


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text() == help_page(), f"docs/cli.md is out of date: {REGENERATE}"


if __name__ == "__main__":
    print(help_page(), end="")
