"""The one exception for a user's mistake: its message is a sentence that says what, where and what to do."""


class DfdError(Exception):
    """A bad input or a missing file. Shown as it is, without a traceback; exit code 2 on the command line."""
