"""pydantic's errors as sentences: the key, its value, what is allowed, the next step."""

from fnmatch import fnmatchcase

from pydantic import BaseModel

# Keys that were once in params.yaml, and what to write instead. `*` stands for a name.
REMOVED = {
    "engine": (
        "gone: stages run on this machine; `frill repro --address` uses a Ray cluster; delete it"
    ),
}
# Values that once had another name: key and old name, and what to write instead.
RENAMED = {("noss.protocol.*", "frill"): "model_card"}
# How the parts of a location begin that are no key: "[key]", "function-after[...]", "dict[...]".
PYDANTICS_OWN = ("[key]", "function-", "dict[")


def describe(error: dict, file: str) -> str:
    """Return one error of pydantic as a sentence about a key of `file`."""
    key = _locate(error["loc"])
    value = error["input"]
    where = f"{file}: {key}"
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: {_explain_unknown_key(key)}"
        case "missing":
            default = "`git show HEAD:params.yaml`"
            return f"{where}: missing; add it (the default is in git: {default})"
        case "union_tag_invalid":
            tag = error["ctx"]["tag"]
            allowed = error["ctx"]["expected_tags"].replace(", ", " or ")
            return f"{where}.kind = {tag!r}: must be {allowed}; correct it in {file}"
        case "union_tag_not_found":
            return f"{where}.kind: missing; write kind: host or kind: adb"
        case "string_pattern_mismatch" if key.endswith("sha256"):
            digits = "64 hexadecimal digits in small letters"
            return f"{where} = {value!r}: must be {digits}; `sha256sum FILE` prints them"
        case "literal_error" if new := _find_new_name(key, value):
            return f"{where} = {value!r}: has a new name; write {new}"
    if error["loc"][-1:] == ("[key]",):
        # The key itself is wrong: its section, then the key in quotes, as it may hold dots.
        section = key.removesuffix(f".{value}")
        subject = f"{file}: {section}.{value!r}"
    elif isinstance(value, dict | list | BaseModel):
        # The rule is about a whole section, whose value would fill the screen.
        subject = where if key else file
    else:
        subject = f"{where} = {value!r}"
    message = error["msg"].removeprefix("Value error, ")
    next_step = "" if ";" in message else f"; correct it in {file}"
    return f"{subject}: {_lower_first(message)}{next_step}"


def _locate(location: tuple) -> str:
    """Return the key, such as devices.host.threads, without what pydantic adds to it."""
    parts = [str(part) for part in location]
    if parts[:1] == ["devices"] and parts[2:3] in (["host"], ["adb"]):
        del parts[2]  # the member of the union
    return ".".join(part for part in parts if not part.startswith(PYDANTICS_OWN))


def _explain_unknown_key(key: str) -> str:
    for pattern, instead in REMOVED.items():
        if fnmatchcase(key, pattern):
            return instead
    return "unknown key; remove it or correct its spelling"


def _find_new_name(key: str, value: object) -> str | None:
    for (pattern, old), new in RENAMED.items():
        if fnmatchcase(key, pattern) and value == old:
            return new
    return None


def _lower_first(text: str) -> str:
    """Return a sentence as the part of one; names such as DVC and LiteRT keep their capitals."""
    is_name = any(letter.isupper() for letter in text.partition(" ")[0][1:])
    return text if is_name else text[0].lower() + text[1:]
