"""TF-Hub handles as teachers: tfhub.dev/google/nonsemantic-speech-benchmark/trill/3.

Without https:// a handle is also a path, where the module is put. So DVC depends on what was
downloaded, as on any SavedModel. Kaggle's spelling is taken too:
google/nonsemantic-speech-benchmark/tensorFlow2/trill/3 or the address of its page.
"""

import re
import shutil
from pathlib import Path

from frill.errors import UserError

# kagglehub's: owner, model, framework, variation, version
KAGGLEHUB = re.compile(r"[\w.-]+/[\w.-]+/(?i:tensorflow[12])/[\w.-]+/\d+")
HANDLE = re.compile(r"(tfhub\.dev|(www\.)?kaggle\.com)/\S+")


def is_handle(source: str) -> bool:
    return HANDLE.fullmatch(_normalise(source)) is not None


def find_folder(source: str) -> Path:
    """Return where a handle's module is put; the path itself of what is no handle."""
    return Path(_normalise(source))


def _normalise(source: str) -> str:
    """Return a handle as it names its folder, however a page or kagglehub spells it."""
    source = source.removeprefix("https://").partition("?")[0]
    return f"kaggle.com/models/{source}" if KAGGLEHUB.fullmatch(source) else source


def version(source: str) -> str:
    """Return the number that a handle ends with.

    Raises UserError where it has none: what the newest version is changes.
    """
    handle = str(find_folder(source))
    number = handle.rpartition("/")[2]
    if not number.isdecimal():
        raise _error(source, f"names no version; write one behind it, such as {handle}/1")
    return number


def fetch(source: str) -> None:
    """Download the handle's module into the folder of its name, unless it is there.

    Raises UserError.
    """
    version(source)
    folder = find_folder(source)
    if (folder / "saved_model.pb").is_file():
        return
    import tensorflow_hub as hub  # imports TensorFlow: only where there is something to fetch

    print(f"fetching {source}", flush=True)
    try:
        resolved = hub.resolve(f"https://{folder}")
    except Exception as error:  # tensorflow_hub lets any network and archive error through
        reason = " ".join(str(error).split())[:200]
        if "403" in reason:
            reason += "; since October 2025 old handles answer so (tensorflow/hub#931)"
        how = f"connect to the network, or unpack the module into {folder}/"
        raise _error(source, f"cannot be fetched ({reason}); {how}") from None
    if not Path(resolved, "saved_model.pb").is_file():
        how = f"delete {resolved}, where a download stopped half way, and repeat this"
        raise _error(source, f"is not whole in TF-Hub's cache; {how}")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(resolved, partial, copy_function=shutil.copyfile)
    shutil.rmtree(folder, ignore_errors=True)  # without its graph: something stopped half way
    partial.rename(folder)


def _error(source: str, message: str) -> UserError:
    return UserError(f"params.yaml: teacher.source = {source!r}: {message}")
