"""A function of the user's in a .py file of theirs: a teacher or a baseline of any framework."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from frill.errors import UserError


def load_function(
    file: Path, name: str, key: str
) -> Callable[[np.ndarray, int, int | str], np.ndarray]:
    """Return the function `name` of a file; `key` of params.yaml names it. Raises UserError.

    What is returned takes samples float32 [T], their rate in Hz and how to name the clip. It gives
    float32 [time, D] or [D], or raises UserError for whatever the user's function does wrong.
    """
    function = _find_function(file, name, key)

    def call(samples: np.ndarray, rate_hz: int, clip: int | str) -> np.ndarray:
        try:
            values = np.asarray(function(samples, rate_hz), np.float32)
        except Exception as error:  # whatever a user's function raises is about that function
            raise UserError(
                f"{key}: {name} failed on clip {clip}: {type(error).__name__}: {error}; "
                f"correct {file}"
            ) from error
        if values.ndim not in (1, 2) or not values.size:
            raise UserError(
                f"{key}: {name} gave shape {list(values.shape)} for clip {clip}; "
                "expected [time, D] or [D]"
            )
        return values

    return call


def _find_function(file: Path, name: str, key: str) -> Callable:
    module_spec = importlib.util.spec_from_file_location(f"frill_user_{file.stem}", file)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_spec.name] = module  # dataclasses look themselves up there
    sys.path.insert(0, str(file.resolve().parent))  # modules beside it
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"{key}.source = {str(file)!r}: {type(error).__name__}: {error}; correct the file"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        public = [each for each in vars(module) if not each.startswith("_")]
        functions = [each for each in public if callable(vars(module)[each])]
        raise UserError(
            f"{key}.output = {name!r}: {file} has no such function "
            f"(it has: {', '.join(functions) or 'none'})"
        )
    return function
