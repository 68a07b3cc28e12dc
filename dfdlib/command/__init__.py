"""The command `dfd`."""
