"""Errors a user can cause."""


class UserError(Exception):
    """Its message is for the user: the key or file, the value found, what is allowed, the next step. Shown without a stack trace."""
