"""The one exception for a user's mistake: its message is a sentence that says what, where and what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable

SOME = 3  # exit code of the command line where some files could be used and others could not


class DfdError(Exception):
    """A bad input or a missing file. Shown as it is, without a traceback; exit code 2 on the command line.

    Characters that cannot be shown on one line, such as a line break or a right-to-left mark in a file's name, are
    written as escapes.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(str(message)))


def printable(text: str) -> str:
    """The text with what no terminal can show (line ends, control characters, broken names) written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def or_sentence(main: Callable[[], object], name: str = "") -> None:
    """Run a program's `main`: a user's mistake becomes one sentence on stderr, after `name`, and exit code 2."""
    try:
        main()
    except DfdError as error:
        print(f"{name}{error}", file=sys.stderr)
        sys.exit(2)
