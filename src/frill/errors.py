"""Errors a user can cause."""


class UserError(Exception):
    """An error whose message is for the user, shown without a stack trace.

    It names the key or file, the value found, what is allowed, and the next step.
    """
