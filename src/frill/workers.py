"""How many processes or threads a stage uses where their number changes no result."""

import os

from frill.errors import UserError

VARIABLE = "FRILL_WORKERS"


def count_workers() -> int:
    """Return what FRILL_WORKERS says, or else the cores that this process may use.

    Whoever runs several stages at once sets it, so that together they take no more cores than there
    are. It is no parameter: a machine's cores must not run a stage anew. `threads` of params.yaml
    are TensorFlow's, whose sums depend on them. Raises UserError for what is no number over 0.
    """
    value = os.environ.get(VARIABLE)
    if value is None:
        # macOS has no affinity.
        has_affinity = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"{VARIABLE} = {value!r}: expected a whole number, 1 or more; unset it")
    return int(value)
