"""Pages in a real headless Chromium: fixtures of the tests of pages, imported by conftest.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import get_chromium
import pytest
from pipeline_project import ROOT
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from frill.browser import runtime
from frill.errors import UserError

# A microphone that beeps, and no question about it. Playwright's own flags keep Chromium from
# asking for hosts of its own.
FLAGS = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# A GPU played by software, which Debian's Chromium brings.
GPU_FLAGS = [
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-angle=swiftshader",
    "--use-vulkan=swiftshader",
    "--use-webgpu-adapter=swiftshader",
]


@dataclass
class Visit:
    """A page in a browser context of its own, with what it complained of and what it asked for."""

    page: Page
    # Errors and warnings of the console, and exceptions that nothing caught.
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # URLs, the page's own first

    def __post_init__(self):
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield a browser for a file's tests.

    No longer: Playwright's event loop would be in the way of code that runs one itself.
    """
    try:
        path = get_chromium.chromium()
    except get_chromium.Unavailable as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator[Callable[..., Visit]]:
    """Yield visit(url_or_path, width=1280, height=900, dark=False, **options), a loaded Visit.

    `options` are what browser.new_context takes.
    """
    contexts = []

    def open_page(
        address: str | Path, width: int = 1280, height: int = 900, dark: bool = False, **options
    ) -> Visit:
        if isinstance(address, Path):
            address = address.resolve().as_uri()
        viewport = {"width": width, "height": height}
        scheme = "dark" if dark else "light"
        contexts.append(chromium.new_context(viewport=viewport, color_scheme=scheme, **options))
        visit = Visit(contexts[-1].new_page())
        visit.page.set_default_timeout(20_000)
        visit.page.goto(address)
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def web_runtime() -> Path:
    """Return the folder of LiteRT's runtime for browsers, as npm fetches it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "FOLDER", ROOT / "scratch/litert_web")
        try:
            return runtime.locate_runtime(None).folder
        except UserError as error:
            pytest.skip(str(error))
