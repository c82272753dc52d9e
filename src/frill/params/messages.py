"""pydantic's errors as sentences: the key, its value, what is allowed, the next step."""

from difflib import get_close_matches
from fnmatch import fnmatchcase

from pydantic import BaseModel

from frill.params.schema import Params

# Keys that were once in params.yaml, and what to write instead. `*` stands for a name.
REMOVED = {
    "engine": (
        "gone: stages run on this machine; `frill repro --address` uses a Ray cluster; delete it"
    ),
}
# Values that once had another name: key and old name, and what to write instead.
RENAMED = {("noss.protocol.*", "frill"): "model_card"}
ALIKE = 0.7  # of difflib's ratio: rnak and rank have 0.75, deep and sweep 0.67
# How the parts of a location begin that are no key: "[key]", "function-after[...]", "dict[...]".
PYDANTICS_OWN = ("[key]", "function-", "dict[")


def pair_misspelt(errors: list[dict]) -> list[dict]:
    """Return pydantic's errors with one for a key that is unknown and looks like one that misses.

    It has the key that was meant under "meant".
    """
    missing = {error["loc"]: error for error in errors if error["type"] == "missing"}
    paired = []
    for error in errors:
        if error["type"] == "extra_forbidden":
            *section, name = error["loc"]
            names = [loc[-1] for loc in missing if loc[:-1] == tuple(section)]
            if meant := get_close_matches(str(name), names, 1, ALIKE):
                del missing[(*section, meant[0])]
                error = error | {"meant": meant[0]}
        paired.append(error)
    return [each for each in paired if each["type"] != "missing" or each["loc"] in missing]


def describe(error: dict, file: str) -> str:
    """Return one error of pydantic as a sentence about a key of `file`."""
    key = _locate(error["loc"])
    value = error["input"]
    where = f"{file}: {key}"
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: {_explain_unknown_key(key, error.get('meant'))}"
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


def _explain_unknown_key(key: str, meant: str | None) -> str:
    for pattern, instead in REMOVED.items():
        if fnmatchcase(key, pattern):
            return instead
    section, _, name = key.rpartition(".")
    allowed = _list_keys(section.split(".") if section else [])
    if near := [meant] if meant else get_close_matches(name, allowed, 1, ALIKE):
        return f"unknown key; did you mean {near[0]}? Correct its spelling or remove it"
    return f"unknown key; there are {', '.join(allowed)}; remove it or correct its spelling"


def _list_keys(section: list[str]) -> list[str]:
    """Return the keys that the section at this place may have."""
    schema = Params.model_json_schema()
    found = [schema]
    for name in [*section, None]:
        found = [kind for each in found for kind in _resolve(each, schema["$defs"])]
        if name is not None:
            inside = [each.get("properties", {}).get(name) for each in found]
            found = [*filter(None, inside)] or [
                each["additionalProperties"] for each in found if each.get("additionalProperties")
            ]
    return sorted({key for each in found for key in each.get("properties", {})})


def _resolve(schema: dict, definitions: dict) -> list[dict]:
    """Return what a JSON schema stands for: its definition, or one for each kind."""
    kinds = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    if "$ref" in schema:
        kinds.append(definitions[schema["$ref"].rpartition("/")[2]])
    if not kinds:
        return [schema]
    return [each for kind in kinds for each in _resolve(kind, definitions)]


def _find_new_name(key: str, value: object) -> str | None:
    for (pattern, old), new in RENAMED.items():
        if fnmatchcase(key, pattern) and value == old:
            return new
    return None


def _lower_first(text: str) -> str:
    """Return a sentence as the part of one; names such as DVC and LiteRT keep their capitals."""
    is_name = any(letter.isupper() for letter in text.partition(" ")[0][1:])
    return text if is_name else text[0].lower() + text[1:]
