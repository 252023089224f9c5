"""Every command and every option says what it is for, and the README knows the commands."""

import re
from pathlib import Path

import pytest
import typer

from workbench.cli.app import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands_and_options_are_documented(name: str, root: Path) -> None:
    command = COMMANDS[name]
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None) and p.name != "help"] == []
    assert f"workbench {name}" in (root / "README.md").read_text()


GROUPS = {name: command.commands for name, command in COMMANDS.items() if hasattr(command, "commands")}


@pytest.mark.parametrize(("group", "name"), sorted((group, name) for group, commands in GROUPS.items() for name in commands))
def test_commands_of_groups_are_documented(group: str, name: str, root: Path) -> None:
    command = GROUPS[group][name]
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None) and p.name != "help"] == []
    assert re.search(rf"`[^`]*\b{name}\b[^`]*`", (root / "README.md").read_text()), f"README.md does not name `{group} {name}`"
