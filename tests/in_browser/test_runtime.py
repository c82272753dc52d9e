"""LiteRT's runtime for browsers: npm fetches what the lock file has the checksum of."""

import base64
import hashlib
import json
import re
import shutil
from importlib.resources import files

import pytest
from pipeline_project import ROOT

from frill.browser import runtime
from frill.errors import UserError

LOCKS = files("frill.browser").joinpath("npm")


def test_npm_brings_all_that_a_page_asks_for(web_runtime):
    found = runtime.open_runtime(web_runtime)
    assert found.version == runtime.read_version() == "2.5.3"
    for build in ("", "_compat", "_jspi", "_threaded"):
        name = f"@litertjs/core/wasm/litert_wasm{build}_internal.wasm"
        assert found.read(name).startswith(b"\0asm")  # WebAssembly's magic
    assert b"@litertjs/wasm-utils" in found.read("@litertjs/core/dist/index.js")


def test_every_package_has_a_version_a_checksum_and_no_address():
    lock = json.loads(LOCKS.joinpath("package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert set(packages) == {f"node_modules/{name}" for name in runtime.PACKAGES}
    for package in packages.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["integrity"].startswith("sha512-") and "resolved" not in package


def test_nothing_of_it_is_in_the_repository(web_runtime):
    known = {hashlib.sha256((web_runtime / name).read_bytes()).digest() for name in runtime.FILES}
    for folder in ("src", "examples", "tests", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "node_modules" not in path.parts:
                assert hashlib.sha256(path.read_bytes()).digest() not in known, path


def test_another_checksum_is_refused_and_nothing_is_kept(tmp_path, monkeypatch, web_runtime):
    other = base64.b64encode(hashlib.sha512(b"another").digest()).decode()
    text = LOCKS.joinpath("package-lock.json").read_text()
    (tmp_path / "npm").mkdir()
    text = re.sub(r'sha512-4fJi[^"]+', f"sha512-{other}", text)  # of the small package
    (tmp_path / "npm/package-lock.json").write_text(text)
    shutil.copyfile(ROOT / "src/frill/browser/npm/package.json", tmp_path / "npm/package.json")
    monkeypatch.setattr(runtime, "LOCKS", tmp_path / "npm")
    monkeypatch.setattr(runtime, "FOLDER", tmp_path / "kept")
    with pytest.raises(UserError, match=r"cannot be fetched \(.*EINTEGRITY.*\); connect to the "):
        runtime.locate_runtime(None)
    assert list((tmp_path / "kept").iterdir()) == []


def test_without_npm_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    message = "npm, which fetches LiteRT's web runtime, is not on the PATH; install Node.js"
    with pytest.raises(UserError, match=message):
        runtime.locate_runtime(None)


def test_a_folder_of_ones_own(tmp_path, web_runtime):
    assert runtime.locate_runtime(web_runtime).folder == web_runtime
    assert runtime.locate_runtime(web_runtime.parent).folder == web_runtime
    message = (
        r"--runtime .*: @litertjs/core/dist/index.js is not in it; give the folder "
        r"node_modules where `npm install @litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3` was run"
    )
    with pytest.raises(UserError, match=message):
        runtime.locate_runtime(tmp_path)
    for name in runtime.FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(web_runtime / name)
    package = tmp_path / "@litertjs/core/package.json"
    package.write_text('{"version": "9.1.0"}')
    assert runtime.locate_runtime(tmp_path).version == "9.1.0"
    package.write_text("{}")
    with pytest.raises(UserError, match="package.json tells no version; install it anew"):
        runtime.locate_runtime(tmp_path)
