"""The one exception for a user's mistake: its message is a sentence that says what, where and what to do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

# Errors of a disk that is full or a place that nothing can be written to
UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR),  # a file in a folder's place, or the other way round
)
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
    """Run a program's `main`: a user's mistake or a full disk becomes one sentence on stderr, and exit code 2.

    `name` comes before the sentence.
    """
    try:
        main()
    except DfdError as error:
        print(f"{name}{error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        where = printable(str(error.filename or "A file"))
        advice = "free space there or make it writable, and start again: what was computed is kept"
        print(f"{name}{where} can't be opened or written ({error.strerror}); {advice}.", file=sys.stderr)
        sys.exit(2)
