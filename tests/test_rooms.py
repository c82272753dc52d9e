"""The rooms of src/frill: nothing imports upwards or in circles, and no folder is crowded."""

import ast
from functools import cache

import pytest
from pipeline_project import ROOT

PACKAGE = ROOT / "src/frill"
# From the ground. Rooms, and modules that lie flat; those of one line may import each other.
ORDER = [
    {
        "errors",
        "progress",
        "scratch",
        "fingerprint",
        "gpus",
        "tensorflow_setup",
        "user_function",
        "workers",
    },
    {"params", "audio", "workflow"},
    {"corpora", "device", "embed"},
    {"teacher"},
    {"targets", "noss"},
    {"students"},
    {"frontier", "browser"},
    {
        "report",
        "release",
        "tracking",
        "planning",
        "head",
        "demo",
        "repro",
        "sweep",
        "hear",
        "check",
    },
    {"commands", "cli", "__main__"},
]
FLOORS = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}
MOST_FILES = 14
MOST_COMMANDS = 20


@cache
def modules() -> dict[str, ast.Module]:
    """Return every parsed module below src/frill by its dotted name, a package by its folder's."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text())
    return trees


def imported(tree: ast.Module) -> set[str]:
    """Return the modules of frill that a module imports, anywhere in it and for type checkers."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in modules() else node.module)
    return names & modules().keys() - {"frill"}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor():
    rooms = {room(module) for module in modules() if module != "frill"}
    assert rooms - FLOORS.keys() == set()


# frill's own names are imported at first use.
@pytest.mark.parametrize("module", sorted(modules().keys() - {"frill"}))
def test_nothing_imports_upwards(module):
    floor = FLOORS[room(module)]
    upwards = {other for other in imported(modules()[module]) if FLOORS[room(other)] > floor}
    assert upwards == set()


def test_no_module_imports_itself_through_others():
    done, path = set(), []

    def follow(module: str) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for other in sorted(imported(modules()[module])):
            follow(other)
        done.add(path.pop())

    for module in modules():
        follow(module)


def test_no_room_imports_itself_through_others():
    rooms = {name: set() for name in FLOORS}
    for module in modules().keys() - {"frill"}:
        others = {room(other) for other in imported(modules()[module])}
        rooms[room(module)] |= others - {room(module)}
    while free := [name for name, others in rooms.items() if not others & rooms.keys()]:
        for name in free:
            del rooms[name]
    assert rooms == {}


def test_no_folder_is_crowded():
    folders = {PACKAGE, *(path.parent for path in PACKAGE.rglob("*.py"))}
    for folder in folders:
        files = len(list(folder.glob("*.py")))
        assert files <= (MOST_COMMANDS if folder.name == "commands" else MOST_FILES), folder
