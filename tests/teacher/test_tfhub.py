"""TF-Hub handles, through tensorflow_hub's own cache: no network is needed."""

import hashlib

import pytest

from frill.errors import UserError
from frill.teacher import tfhub

SOURCE = "tfhub.dev/google/nonsemantic-speech-benchmark/trill/3"


def test_a_handle_in_the_hub_cache_is_put_into_the_folder_of_its_name(tmp_path, monkeypatch):
    # tensorflow_hub keys its cache by the SHA-1 of the handle and its format.
    cached = tmp_path / "cache" / hashlib.sha1(f"https://{SOURCE}".encode()).hexdigest()
    cached.mkdir(parents=True)
    (cached / "saved_model.pb").write_bytes(b"graph")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    tfhub.fetch(SOURCE)
    assert (tmp_path / SOURCE / "saved_model.pb").read_bytes() == b"graph"


def test_what_cannot_be_fetched_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    message = r"teacher\.source = 'tfhub\.dev/.*cannot be fetched"
    with pytest.raises(UserError, match=message) as error:
        tfhub.fetch("tfhub.dev/google/no-such-model/1")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [(SOURCE, True), ("https://" + SOURCE, True), ("../models/trill", False), ("/a/b", False)],
)
def test_is_handle(source, expected):
    assert tfhub.is_handle(source) is expected


@pytest.mark.parametrize(
    "source, folder",
    [
        ("https://" + SOURCE, SOURCE),
        (SOURCE + "?tfhub-redirect=true", SOURCE),
        ("https://www.kaggle.com/models/google/trillsson/tensorFlow2/1/2", None),
        ("google/trillsson/tensorFlow2/1/2", "kaggle.com/models/google/trillsson/tensorFlow2/1/2"),
    ],
)
def test_a_handle_is_taken_as_pages_and_kagglehub_spell_it(source, folder):
    folder = folder or source.removeprefix("https://")
    assert tfhub.is_handle(source) and str(tfhub.find_folder(source)) == folder
    assert tfhub.version(source) == folder.rpartition("/")[2]


def test_a_hub_that_answers_403_names_the_other_way(tmp_path, monkeypatch):
    import tensorflow_hub as hub

    def refuse(_handle):
        raise OSError("HTTP Error 403: Forbidden")

    monkeypatch.setattr(hub, "resolve", refuse)
    monkeypatch.chdir(tmp_path)
    message = r"403: Forbidden; since October 2025 old handles .*unpack the module into tfhub\.dev"
    with pytest.raises(UserError, match=message):
        tfhub.fetch(SOURCE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [(SOURCE, "3"), ("kaggle.com/models/google/trillsson/tensorFlow2/1/2", "2")],
)
def test_the_version_is_the_number_at_the_end(source, expected):
    assert tfhub.version(source) == expected


def test_a_handle_without_a_version_is_refused_with_what_to_write():
    message = "names no version; write one behind it, such as tfhub.dev/google/trillsson3/1"
    with pytest.raises(UserError, match=message):
        tfhub.fetch("tfhub.dev/google/trillsson3")


def test_a_download_that_stopped_half_way(tmp_path, monkeypatch):
    cached = tmp_path / "cache" / hashlib.sha1(f"https://{SOURCE}".encode()).hexdigest()
    (cached / "variables").mkdir(parents=True)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with pytest.raises(UserError, match=f"is not whole .* delete {cached}, .* and repeat"):
            tfhub.fetch(SOURCE)
    (tmp_path / SOURCE / "variables").mkdir(parents=True)  # as an earlier try may have left
    (cached / "saved_model.pb").write_bytes(b"graph")
    tfhub.fetch(SOURCE)
    assert (tmp_path / SOURCE / "saved_model.pb").read_bytes() == b"graph"
