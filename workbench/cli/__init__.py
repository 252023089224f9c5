"""The command line: one file per family of commands, no logic.

Commands import the rooms they use in their bodies, so that ``workbench --help`` starts at once.
"""

from workbench.cli.app import main

__all__ = ["main"]
