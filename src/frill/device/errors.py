"""What can go wrong with a phone."""

from frill.errors import UserError


class DeviceError(UserError):
    """A phone that cannot be used: what happened, on which, what to do."""


class ModelError(DeviceError):
    """The phone is well and does not run, or not rightly, this model with this tool."""
