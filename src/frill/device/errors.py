"""What can go wrong with a phone."""

from frill.errors import UserError


class DeviceError(UserError):
    """A phone that cannot be used: what happened, on which, what to do."""


class ModelError(DeviceError):
    """The phone is well and does not run, or not rightly, this model with this tool."""


class SpoiltError(DeviceError):
    """A measurement that the phone spoilt: it throttled, or moved threads.

    `result` is what there is, with the keys of results/latency/*/*.json; it is not valid.
    """

    def __init__(self, message: str, result: dict):
        super().__init__(message)
        self.result = result
