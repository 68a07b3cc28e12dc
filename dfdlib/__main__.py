"""`python -m dfdlib` is the command `dfd`."""

from dfdlib.cli import main

main()
