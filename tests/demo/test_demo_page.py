"""The page in a real Chromium whose microphone plays a file."""

import io
import re

import pytest
import soundfile
from browser import FLAGS, get_chromium
from playwright.sync_api import expect, sync_playwright
from sounds import sound


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Yield the browser that `visit` takes, with hiss for a microphone instead of beeps."""
    wave = tmp_path_factory.mktemp("microphone") / "hiss.wav"
    soundfile.write(wave, sound("hiss", 3000, 48000, 10), 48000, subtype="PCM_16")
    try:
        path = get_chromium.chromium()
    except get_chromium.Unavailable as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, f"--use-file-for-fake-audio-capture={wave}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def demo(server, visit):
    """Yield the loaded page; then check that it complained of nothing and asked only the server."""
    demo = visit(server.url, permissions=["microphone"])
    expect(demo.page.get_by_role("status")).to_have_text("Ready.")
    yield demo
    assert not demo.problems
    asked = {re.match(r"http://[^/]+/|data:|blob:", request)[0] for request in demo.requests}
    assert asked <= {server.url, "data:", "blob:"}


def labels(page, task: str) -> list[str]:
    """Return the labels on a task's card, nearest first."""
    card = page.locator("article").filter(has=page.get_by_role("heading", name=task))
    return card.locator("li span:first-child").all_inner_texts()


def audio_file(label: str, rate_hz: int = 44100) -> dict:
    file = io.BytesIO()
    soundfile.write(file, sound(label, 4000, rate_hz, 2), rate_hz, "PCM_16", format="WAV")
    return {"name": f"{label}.wav", "mimeType": "audio/wav", "buffer": file.getvalue()}


def test_what_the_microphone_hears(demo):
    page = demo.page
    page.get_by_role("button", name="Record").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Recording")
    page.wait_for_function("document.getElementById('level').value > 0.1")
    page.wait_for_timeout(2500)
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_have_attribute("aria-pressed", "true")
    stop.click()
    said = re.compile(
        r"[2-9]\.\d s of audio, \d+ windows, "
        r"embedded in \d+\.\d ms \(\d+\.\d\d ms a window\)\."
    )
    expect(page.get_by_role("status")).to_contain_text(said)
    assert labels(page, "keyword")[0] == "hiss" and len(labels(page, "mask")) == 2
    assert "right for 100 % of the task's test clips" in page.locator("article").first.inner_text()
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


@pytest.mark.parametrize("label", ["tone", "hiss", "beeps"])
def test_a_chosen_file(demo, label):
    demo.page.get_by_label("Audio file").set_input_files(audio_file(label))
    expect(demo.page.get_by_role("status")).to_contain_text("2.0 s of audio, 7 windows")  # 2 s
    assert labels(demo.page, "keyword")[0] == label


def test_a_dropped_file(demo):
    script = """bytes => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], 'hiss.wav'));
        return transfer;
    }"""
    transfer = demo.page.evaluate_handle(script, list(audio_file("hiss")["buffer"]))
    demo.page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(demo.page.get_by_role("status")).to_contain_text("2.0 s of audio")
    assert labels(demo.page, "keyword")[0] == "hiss"


def test_what_is_no_audio_is_said_and_the_next_file_works(demo):
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no audio"}
    demo.page.get_by_label("Audio file").set_input_files(notes)
    said = "notes.txt is no audio that this browser can decode."
    expect(demo.page.get_by_role("alert")).to_have_text(said)
    demo.page.get_by_label("Audio file").set_input_files(audio_file("tone"))
    expect(demo.page.get_by_role("status")).to_contain_text("2.0 s of audio")
    expect(demo.page.get_by_role("alert")).to_be_hidden()


def test_silence_is_pointed_out(demo):
    given = audio_file("tone")
    given["buffer"] = given["buffer"][:44] + bytes(len(given["buffer"]) - 44)
    demo.page.get_by_label("Audio file").set_input_files(given)
    expect(demo.page.get_by_role("status")).to_contain_text("It is all but silent")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut_off_and_text_can_be_read(server, visit, width, dark):
    page = visit(server.url, width=width, dark=dark).page
    page.get_by_label("Audio file").set_input_files(audio_file("tone"))
    expect(page.locator("article")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 10 and min(ratios) >= 4.5  # WCAG 2.2, success criterion 1.4.3


# Contrast of every visible text with what lies behind it, by WCAG's relative luminance.
CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element) => {
    const ink = luminance(getComputedStyle(element).color);
    const ground = luminance(behind(element));
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  };
  const elements = [...document.querySelectorAll("h1, h2, p, button, span, footer")];
  return elements.filter((e) => e.offsetParent && e.textContent.trim()).map(contrast);
}"""
