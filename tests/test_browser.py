"""The browser that tests of pages use reports what a page does wrong."""

import re
from pathlib import Path


def page(folder: Path, body: str) -> Path:
    (folder / "page.html").write_text(f"<!doctype html><title>A page</title>{body}")
    return folder / "page.html"


def test_errors_and_requests_of_a_page_are_seen(visit, tmp_path):
    body = (
        "<script>console.error('told'); missing.call()</script>"
        "<script src=http://127.0.0.1:12345/x.js></script>"
    )
    seen = visit(page(tmp_path, body))
    # Chromium may ask for x.js before it runs the script, and be refused as soon.
    problems = "\n".join(sorted(seen.problems))
    assert re.fullmatch(r"Failed to load resource: .*\nmissing is not defined.*\ntold", problems)
    assert [url.rsplit("/")[-1] for url in seen.requests] == ["page.html", "x.js"]


def test_a_page_without_fault_has_no_problems(visit, tmp_path):
    seen = visit(page(tmp_path, "<p>quiet</p>"), width=360, dark=True)
    assert seen.problems == [] and len(seen.requests) == 1
    assert seen.page.evaluate("innerWidth") == 360
    assert seen.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_the_microphone_is_there_and_makes_a_sound(visit, tmp_path):
    seen = visit(page(tmp_path, ""))
    script = """async () => {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        const samples = new Float32Array(analyser.fftSize);
        const stream = await navigator.mediaDevices.getUserMedia({audio: true});
        context.createMediaStreamSource(stream).connect(analyser);
        for (let i = 0, loudest = 0; i < 60; i++) {
            await new Promise(done => setTimeout(done, 50));
            analyser.getFloatTimeDomainData(samples);
            loudest = Math.max(loudest, ...samples.map(Math.abs));
            if (loudest > 0.1) return loudest;
        }
        return 0;
    }"""
    assert seen.page.evaluate(script) > 0.1
