"""`python -m dfdlib` is the command `dfd`."""

import sys

if sys.version_info[:2] != (3, 11):  # before an import that fails: pip refuses other versions, a bare checkout can't
    found = "{}.{}".format(*sys.version_info)
    print(f"dfd: This is Python {found}, but the lock is for 3.11; run it with python3.11.", file=sys.stderr)
    sys.exit(2)

from dfdlib.command.cli import main  # noqa: E402

main()
