"""Pages in a real headless Chromium: the fixtures that tests of pages share (imported by conftest.py)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import get_chromium
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# A microphone that beeps, and no question about it; beside Playwright's own, which keep Chromium from asking for hosts of its own.
FLAGS = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@dataclass
class Visit:
    """A page in a browser context of its own, with what it complained of and what it asked for."""

    page: Page
    problems: list[str] = field(
        default_factory=list
    )  # errors and warnings of the console, exceptions that nothing caught
    requests: list[str] = field(default_factory=list)  # URLs, the page's own first

    def __post_init__(self):
        self.page.on(
            "console",
            lambda said: (
                self.problems.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for a file's tests. No longer: Playwright's event loop would be in the way of code that runs one itself."""
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
    """visit(url_or_path, width=1280, height=900, dark=False, **what browser.new_context takes) -> Visit, loaded."""
    contexts = []

    def open_page(
        address: str | Path, width: int = 1280, height: int = 900, dark: bool = False, **context
    ) -> Visit:
        viewport = {"width": width, "height": height}
        contexts.append(
            chromium.new_context(
                viewport=viewport, color_scheme="dark" if dark else "light", **context
            )
        )
        visit = Visit(contexts[-1].new_page())
        visit.page.set_default_timeout(20_000)
        visit.page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        return visit

    yield open_page
    for context in contexts:
        context.close()
