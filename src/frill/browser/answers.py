"""What the page answers. Nothing in it is trusted before it has been read as one of these."""

import base64
import binascii
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Milliseconds = Annotated[float, Field(ge=0, lt=1e7, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=500), AfterValidator(lambda text: " ".join(text.split()))]
MAX_OUTPUT = 8 << 20  # characters of base64
# What a user agent names itself by, most particular first: others call themselves Chrome, too.
BROWSERS = {
    "Edg|EdgA|EdgiOS": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "FxiOS|Firefox": "Firefox",
    "CriOS|HeadlessChrome|Chrome": "Chrome",
    "Version": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Macintosh": "macOS",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class About(_Answer):
    """The browser and its device, as far as a page is told."""

    user_agent: Text
    device: Text  # Chrome on Android names its phone, others nothing
    system: Text
    cores: Annotated[int, Field(ge=0, le=4096)]
    memory_gib: Annotated[float, Field(gt=0, le=1 << 20)] | None
    is_isolated: bool
    resolution_ms: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]

    def describe_device(self) -> dict[str, str | int]:
        """Return what stays of it from one visit to the next."""
        told = self.model_dump(exclude={"memory_gib", "resolution_ms"})
        if self.memory_gib is not None:
            told["memory_mib"] = round(1024 * self.memory_gib)  # browsers round it themselves
        return {"model": self.name, **told}

    @property
    def name(self) -> str:
        """Return a short name, such as "Chrome 156 on Android, Pixel 7"."""
        browser = _find_browser(self.user_agent)
        system = next((SYSTEMS[word] for word in SYSTEMS if word in self.user_agent), "")
        name = f"{browser} on {system}" if system else browser
        return f"{name}, {self.device}" if self.device else name


def _find_browser(user_agent: str) -> str:
    for words, name in BROWSERS.items():
        if found := re.search(rf"\b(?:{words})/(\d+)", user_agent):
            return f"{name} {found[1]}"
    return "a browser"


class Loaded(_Answer):
    """A build of the runtime. `adapter` is the GPU's, None without one."""

    threads: Annotated[int, Field(ge=1, le=4096)]
    build: Text
    adapter: Text | None


class Checked(_Answer):
    """The outputs for the known input; `is_whole` tells that all of the model is accelerated."""

    output: Annotated[str, Field(max_length=MAX_OUTPUT)]
    is_whole: bool

    def decode(self) -> bytes:
        """Return raw float32. Raises ValueError for what is no base64."""
        try:
            return base64.b64decode(self.output, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None


class Round(_Answer):
    """A model opened anew: `batch_ms` has the mean of each batch of calls, `runs` all calls."""

    init_ms: Milliseconds
    first_ms: Milliseconds
    batch_ms: Annotated[list[Annotated[Milliseconds, Field(gt=0)]], Field(min_length=3)]
    runs: Annotated[int, Field(ge=3)]


class Pair(_Answer):
    """Two rounds in turns; `was_hidden` tells that the page was not in front all the time."""

    rounds: Annotated[list[Round], Field(min_length=2, max_length=2)]
    was_hidden: bool


class Cadence(_Answer):
    """Single calls, with a pause before each."""

    call_ms: Annotated[list[Milliseconds], Field(min_length=1)]
