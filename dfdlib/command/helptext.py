"""How `dfd` explains itself: help that fits 80 columns, no types that say nothing, and the studies that there are."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperArgument, TyperCommand, TyperGroup

from dfdlib.core import paths


class _Plain:
    """Help with paragraphs filled anew, but for examples, which begin with $, and no types that say nothing."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.help = "\n\n".join(map(_filled, (self.help or "").split("\n\n")))

    def get_params(self, context: Any) -> list:
        params = super().get_params(context)
        for flag in (param for param in params if getattr(param, "is_flag", False)):
            flag.metavar = ""
        for argument in (param for param in params if isinstance(param, TyperArgument)):
            argument.display_type_rich = lambda ctx: None  # its name says more than <str>
        return params


def _filled(paragraph: str) -> str:
    return paragraph if paragraph.startswith("$ ") else " ".join(paragraph.split("\n"))


class Group(_Plain, TyperGroup):
    """`dfd` and `dfd data`."""


class Command(_Plain, TyperCommand):
    """Every command."""


class StudyCommand(Command):
    """A command that takes a study, whose help names them all."""

    def format_help(self, context: Any, formatter: Any) -> None:
        super().format_help(context, formatter)
        table = Table.grid(padding=(0, 2))
        for name, what in studies().items():
            table.add_row(Text(f" {name}"), Text(what))
        Console().print(" Studies (studies/README.md says more):", table, sep="\n")


def studies() -> dict[str, str]:
    """The names of the studies, each with the first sentence of its file."""
    found = {}
    for path in sorted(paths.studies().glob("*.yaml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        found[path.stem] = first.lstrip("# ").partition(". ")[0].rstrip(".")
    return found


def app(about: str) -> typer.Typer:
    """An empty group of commands, which explains itself where nothing is asked of it."""
    names = {"help_option_names": ["-h", "--help"]}
    return typer.Typer(no_args_is_help=True, cls=Group, help=about, context_settings=names)
