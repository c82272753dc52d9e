"""TF-Hub handles as teachers: tfhub.dev/google/nonsemantic-speech-benchmark/trill/3.

Without https:// a handle is also a path, where the module is put. So DVC depends on what was
downloaded, as on any SavedModel.
"""

import re
import shutil
from pathlib import Path

from frill.errors import UserError

HANDLE = re.compile(r"(tfhub\.dev|(www\.)?kaggle\.com)/\S+")


def is_handle(source: str) -> bool:
    return HANDLE.fullmatch(source.removeprefix("https://")) is not None


def version(source: str) -> str:
    """Return the number that a handle ends with.

    Raises UserError where it has none: what the newest version is changes.
    """
    handle = source.rstrip("/")
    number = handle.rpartition("/")[2]
    if not number.isdecimal():
        raise _error(source, f"names no version; write one behind it, such as {handle}/1")
    return number


def fetch(source: str) -> None:
    """Download the handle's module into the folder of its name, unless it is there.

    Raises UserError.
    """
    if source.startswith("https://"):
        how = "write the handle without https://, so that it names the folder it is put in too"
        raise _error(source, how)
    version(source)
    folder = Path(source)
    if (folder / "saved_model.pb").is_file():
        return
    import tensorflow_hub as hub  # imports TensorFlow: only where there is something to fetch

    print(f"fetching {source}", flush=True)
    try:
        resolved = hub.resolve(f"https://{source}")
    except Exception as error:  # tensorflow_hub lets any network and archive error through
        reason = " ".join(str(error).split())[:200]
        how = f"connect to the network, or unpack the module into {folder}/"
        raise _error(source, f"cannot be fetched ({reason}); {how}") from None
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(resolved, partial, copy_function=shutil.copyfile)
    partial.rename(folder)


def _error(source: str, message: str) -> UserError:
    return UserError(f"params.yaml: teacher.source = {source!r}: {message}")
