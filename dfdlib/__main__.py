"""`python -m dfdlib` is the command `dfd`."""

from dfdlib.command.cli import main

main()
