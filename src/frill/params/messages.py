"""pydantic's errors as sentences: the key, its value, what is allowed, the next step."""

from fnmatch import fnmatchcase

from pydantic import BaseModel

# Keys that were once in params.yaml, and what to write instead. `*` stands for a name.
REMOVED = {
    "engine": (
        "gone since 0.2: stages run on this machine; `frill sweep` uses a Ray cluster; delete the line"
    ),
}


def sentence(error: dict, file: str) -> str:
    path = [
        part
        for i, part in enumerate(error["loc"])
        if not (i == 2 and error["loc"][0] == "devices" and part in ("host", "adb"))
    ]  # the union's own
    where = ".".join(
        str(part) for part in path if part != "[key]" and not str(part).startswith("function-")
    )
    message, value = error["msg"].removeprefix("Value error, "), error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"{file}: {where}: {_of_unknown_key(where)}"
        case "missing":
            return f"{file}: {where}: missing; add it (the default is in git: `git show HEAD:params.yaml`)"
        case "union_tag_invalid":
            return f"{file}: {where}.kind = {error['ctx']['tag']!r}: must be {error['ctx']['expected_tags'].replace(', ', ' or ')}; correct it in {file}"
        case "union_tag_not_found":
            return f"{file}: {where}.kind: missing; write kind: host or kind: adb"
        case "string_pattern_mismatch" if where.endswith("sha256"):
            return f"{file}: {where} = {value!r}: must be 64 hexadecimal digits in small letters; `sha256sum FILE` prints them"
    next_step = "" if ";" in message else f"; correct it in {file}"
    if isinstance(
        value, dict | list | BaseModel
    ):  # a rule about the whole section; its value would fill the screen
        return f"{file}: {where + ': ' if where else ''}{_lower_first(message)}{next_step}"
    return f"{file}: {where} = {value!r}: {_lower_first(message)}{next_step}"


def _of_unknown_key(where: str) -> str:
    for key, instead in REMOVED.items():
        if fnmatchcase(where, key):
            return instead
    return "unknown key; remove it or correct its spelling"


def _lower_first(text: str) -> str:
    """A sentence as the part of one; names such as DVC and LiteRT keep their capitals."""
    named = any(letter.isupper() for letter in text.partition(" ")[0][1:])
    return text if named else text[0].lower() + text[1:]
