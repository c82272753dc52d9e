"""The visit of one browser: it is asked for one step after another, and answers each.

The main thread asks, as it would ask a phone. Threads of the server hand a step to the page when it
comes for the next one, and bring what came of the last.
"""

import secrets
from contextlib import suppress
from queue import Empty, Queue
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from frill.browser.answers import About
from frill.browser.local_server import Refused
from frill.errors import UserError

SILENCE_S = (
    180.0  # longer than a page takes for a step, the download of a model over Wi-Fi included
)
END_S = 10.0  # what a page has to show its last step
_CLOSED = object()
Answer = TypeVar("Answer", bound=BaseModel)


class PageError(UserError):
    """What the browser could not do, in its own words."""


class Visit:
    """The first browser that begins has it; `cookie` is then its alone."""

    def __init__(self, silence_s: float = SILENCE_S):
        self.cookie: str | None = None
        self._silence_s = silence_s
        self._lock = Lock()
        self._steps: Queue[dict] = Queue()
        self._answers: Queue[object] = Queue()

    def begin(self, about: object) -> None:
        """Give the visit to a browser that tells of itself. Raises Refused if another has it."""
        with self._lock:
            if self.cookie is not None:
                raise Refused(409, "this address has been used; run the command again for another")
            self.cookie = secrets.token_urlsafe(16)
        self._answers.put(about)

    def exchange(self, answer: object) -> dict:
        """Take what came of the last step, None before the first, and return the next.

        It waits until there is one.
        """
        if answer is not None:
            self._answers.put(answer)
        return self._steps.get()

    def lose(self) -> None:
        """Tell that the page is gone."""
        self._answers.put(_CLOSED)

    def wait(self) -> About:
        """Wait for a browser, however long it takes, and return what it tells of itself."""
        return _read(About, self._answers.get())

    def ask(self, step: dict, kind: type[Answer]) -> Answer:
        """Have the page do a step, and return what came of it.

        Raises PageError if it could not, and UserError if it is gone.
        """
        self._steps.put(step)
        try:
            answer = self._answers.get(timeout=self._silence_s)
        except Empty:
            raise UserError(
                f"the browser has said nothing for {self._silence_s:g} s: its page must stay in "
                "front, and the device awake; run the command again"
            ) from None
        if isinstance(answer, dict) and isinstance(answer.get("error"), str):
            raise PageError(" ".join(answer["error"].split())[:300])
        return _read(kind, answer)

    def end(self, step: dict) -> None:
        """Have the page do its last step, and wait for it; without the page nothing is lost."""
        self._steps.put(step)
        with suppress(Empty):
            self._answers.get(timeout=END_S)


def _read(kind: type[Answer], answer: object) -> Answer:
    if answer is _CLOSED:
        raise UserError(
            "the page was closed in mid-run, and nothing is written: leave it open and run the "
            "command again"
        )
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its answer"
        raise UserError(
            f"the browser answers what frill's page would not ({where}: {first['msg']}); "
            "reload nothing while it runs, and run the command again"
        ) from None
