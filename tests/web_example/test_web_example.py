"""examples/web in a real Chromium whose microphone plays a file, served as its README says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import FLAGS, get_chromium
from documented import read_commands
from pipeline_project import ROOT
from playwright.sync_api import Page, expect, sync_playwright

from frill.audio.waveform import to_int16
from frill.embed.embedder import Embedder
from frill.embed.head import Head

README = "examples/web/README.md"
EXAMPLE = ROOT / "examples/web"
LABELS = ["tone", "hiss", 'a "quoted", комма']


def make_sound(label: str, seed: int, seconds: float) -> np.ndarray:
    """Return a buzz, hiss or quiet, float64 [samples] at 16 kHz."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(16000 * seconds)) / 16000
    if label == "hiss":
        return rng.normal(0, 0.1, len(time_s))
    if label == "tone":
        return 0.4 * np.sign(np.sin(2 * np.pi * rng.uniform(180, 220) * time_s))
    return rng.normal(0, 0.0005, len(time_s))


@pytest.fixture(scope="module")
def embedding(tmp_path_factory) -> Path:
    """Write a file of 1 s of samples: an untrained student behind the frontend.

    Its batch normalisation knows some sounds, or next to nothing would come out.
    """
    import tf_keras as keras

    from frill.audio import frontend
    from frill.students.build import StudentSpec, build
    from frill.students.convert import convert_with_frontend

    keras.utils.set_random_seed(3)
    spec = StudentSpec("tiny", 0.5, "gap", None, False, 64)
    student = build(spec, None, batch_norm_momentum=0.0)
    sounds = [to_int16(make_sound(label, seed, 1.0)) for label in LABELS for seed in range(5)]
    windows = np.concatenate([frontend.windows(sound) for sound in sounds])
    student(windows[..., None], training=True)
    path = tmp_path_factory.mktemp("web") / "frill_1s.tflite"
    path.write_bytes(convert_with_frontend(student, "float32", False, 16000))
    return path


@pytest.fixture(scope="module")
def head(embedding) -> Path:
    """Write a file as `frill head` does: least squares on 30 sounds of each label."""
    from frill.head.graph import append_head
    from frill.release.tflite_metadata import attach_files

    embedder = Embedder(embedding)
    sounds = [make_sound(label, seed, 1.0) for label in LABELS for seed in range(30)]
    x = np.concatenate([embedder.embed(sound.astype(np.float32)) for sound in sounds])
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    y = 20 * np.repeat(np.eye(len(LABELS)), 30, axis=0) - 10
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    solved = np.linalg.lstsq(z, y, rcond=1e-3)[0]
    weights = solved[:-1] / deviation[:, None]
    about = {
        "labels": LABELS,
        "threshold": 1.01,  # of whole clips, which the page has none of
        "window_threshold": 0.6,
        "window_temperature": 1.0,
        "clip_temperature": 1.0,
        "synthetic": True,
        "accuracy": 100.0,
    }
    model = append_head(embedding.read_bytes(), weights, solved[-1] - mean @ weights, 1.0)
    path = embedding.with_name("mood_1s.tflite")
    text = json.dumps(about, ensure_ascii=False).encode()
    path.write_bytes(attach_files(model, {"labels.txt": b"", "head.json": text}))
    return path


@pytest.fixture
def serve(tmp_path, web_runtime) -> Iterator:
    """Yield serve(model), which gives the page's address, as the README's last command does."""
    *_, command = read_commands(README, "cd examples/web")
    shutil.copytree(EXAMPLE, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "web/node_modules").symlink_to(web_runtime)
    servers = []

    def run(model: Path | None) -> str:
        if model:
            shutil.copy(model, tmp_path / "web/model.tflite")
        program, *options, port = command.split()
        assert (program, port) == ("python3", "8000")
        server = subprocess.Popen(
            [sys.executable, "-u", *options, "0"],
            cwd=tmp_path / "web",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        servers.append(server)
        return re.search(r"http://127.0.0.1:\d+/", server.stdout.readline())[0]

    yield run
    for server in servers:
        server.kill()
        server.communicate()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Yield the browser that `visit` takes, with hiss for a microphone."""
    wave = tmp_path_factory.mktemp("microphone") / "hiss.wav"
    hiss = np.random.default_rng(5).normal(0, 0.1, 10 * 48000)
    soundfile.write(wave, hiss, 48000, subtype="PCM_16")
    try:
        path = get_chromium.chromium()
    except get_chromium.Unavailable as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={wave}"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


RUN = """async (sounds) => {
    const { SoundModel } = await import("./sound_model.js");
    const { unloadLiteRt } = await import("@litertjs/core");
    unloadLiteRt(); // the page's own
    const model = await SoundModel.load("model.tflite");
    const rows = [];
    for (const bytes of sounds) {
        const samples = new Float32Array(new Uint8Array(bytes).buffer);
        rows.push([...(await model.run(samples)).values]);
    }
    return rows;
}"""


def run_in_page(page: Page, sounds: list[np.ndarray]) -> np.ndarray:
    expect(page.get_by_role("status")).to_have_text("Ready.")
    return np.array(page.evaluate(RUN, [list(each.astype("<f4").tobytes()) for each in sounds]))


def test_the_pages_output_is_pythons(serve, visit, embedding, head):
    sounds = [make_sound(label, 99, 1.0).astype(np.float32) for label in LABELS]
    embedder = Embedder(embedding)
    expected = np.concatenate([embedder.embed(each) for each in sounds])
    assert np.abs(expected).max() > 0.1  # there is something to compare
    found = run_in_page(visit(serve(embedding)).page, sounds)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    found = run_in_page(visit(serve(head)).page, sounds)
    for row, sound in zip(found, sounds, strict=True):
        shares = Head(head).classify(sound)
        np.testing.assert_allclose(row, [shares[label] for label in LABELS], atol=1e-3)


def listen(page: Page) -> None:
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+\.\d ms for 1 s of sound\.$"))


def test_a_heads_labels_are_shown_and_nothing_is_asked_elsewhere(serve, visit, head):
    address = serve(head)
    seen = visit(address, permissions=["microphone"])
    expect(seen.page.get_by_role("status")).to_have_text("Ready.")
    assert "a classifier of 3 labels" in seen.page.locator("footer").inner_text()
    listen(seen.page)
    expect(seen.page.get_by_role("heading", level=2)).to_have_text("hiss")
    labels = seen.page.get_by_label("Labels").locator("li span:first-child")
    assert sorted(labels.all_inner_texts()) == sorted(LABELS)
    seen.page.get_by_role("button", name="Stop").click()
    expect(seen.page.get_by_role("button", name="Record")).to_have_attribute(
        "aria-pressed", "false"
    )
    assert {
        url for url in seen.requests if not url.startswith((address, "data:", "blob:"))
    } == set()


def test_an_embeddings_figures_are_shown_and_a_sound_is_remembered(serve, visit, embedding):
    page = visit(serve(embedding), permissions=["microphone"], width=390, dark=True).page
    expect(page.get_by_role("status")).to_have_text("Ready.")
    listen(page)
    figures = page.locator("#figures")
    expect(figures).to_contain_text("64")  # values
    page.get_by_role("button", name="Remember").click()
    expect(figures).to_contain_text("cosine with what is remembered")
    cosine = float(figures.locator("dd").last.inner_text())
    assert 0.3 < cosine <= 1  # it is the same hiss all the time
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_cannot_be_used_is_said(serve, visit, pooling_models):
    page = visit(serve(None)).page
    missing = "model.tflite is not there (404): copy frill_1s.tflite beside index.html"
    expect(page.get_by_role("alert")).to_contain_text(missing)
    page = visit(serve(pooling_models[0])).page
    shape = "model.tflite takes [1,96,64,1], not [1, 16000]: use the file whose name ends in"
    expect(page.get_by_role("alert")).to_contain_text(shape)


def test_a_microphone_that_is_not_allowed_is_said(serve, visit, embedding):
    page = visit(serve(embedding)).page
    deny = """() => {
        const refuse = async () => { throw new DOMException("Permission denied"); };
        navigator.mediaDevices.getUserMedia = refuse;
    }"""
    page.evaluate(deny)
    page.get_by_role("button", name="Record").click()
    said = "No microphone: Permission denied. Allow it for this page."
    expect(page.get_by_role("alert")).to_have_text(said)


def test_a_page_that_may_not_ask_for_a_microphone_is_said(serve, visit, embedding):
    """As http of another machine, where browsers leave navigator.mediaDevices out."""
    page = visit(serve(embedding)).page
    expect(page.get_by_role("status")).to_have_text("Ready.")
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.get_by_role("button", name="Record").click()
    said = "No microphone: browsers have one for https and 127.0.0.1 only. Open the page there."
    expect(page.get_by_role("alert")).to_have_text(said)


HEAR = """async (seconds) => {
    const { Microphone } = await import("./microphone.js");
    const microphone = new Microphone();
    const times = [];
    let samples = 0;
    for (; samples < 16000 * seconds; samples += 128) {
        await microphone.take(new Float32Array(128), async () => times.push(samples + 128));
    }
    return times;
}"""


def test_a_second_is_heard_every_170_ms(serve, visit):
    """The first after 16,000 samples, then every 2,720, each at the end of its block of 128."""
    times = visit(serve(None)).page.evaluate(HEAR, 20)
    assert times == [-(-samples // 128) * 128 for samples in range(16000, 320001, 2720)]


def test_the_readme_fetches_the_runtime_that_the_benchmark_has(tmp_path, web_runtime):
    enter, install, copy, _ = read_commands(README, "cd examples/web")
    assert (enter, install) == ("cd examples/web", "npm ci")
    assert copy == "cp ../../release/frill_1s.tflite model.tflite"
    for name in ("package.json", "package-lock.json"):
        assert (EXAMPLE / name).read_bytes() == (ROOT / "src/frill/browser/npm" / name).read_bytes()
        shutil.copy(EXAMPLE / name, tmp_path)
    done = subprocess.run(install.split(), cwd=tmp_path, capture_output=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    wasm = "@litertjs/core/wasm/litert_wasm_internal.wasm"
    installed = (tmp_path / "node_modules" / wasm).read_bytes()
    assert installed == (web_runtime / wasm).read_bytes()
