"""Archives are read as a stream: any compression, nothing unpacked, an early end is noticed."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile

import pytest
from examples import archive, odd_member

from frill.corpora import archive_members as module
from frill.corpora.archive_members import ArchiveError, ends_early, read_members

FILES = [(f"a/{number:03d}.wav", bytes([number + 1]) * 3000) for number in range(20)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_members_of_any_compression_in_order(tmp_path, compress):
    (tmp_path / "a.tar").write_bytes(compress(archive(FILES)))
    assert list(read_members(tmp_path / "a.tar")) == FILES
    assert not ends_early(tmp_path / "a.tar")


def test_long_names_and_other_formats_of_tar(tmp_path):
    name = "/".join(["folder" * 4] * 6) + "/ä.wav"
    for number, kind in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w", format=kind) as tar:
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"abcd"))
        assert list(read_members(path)) == [(name, b"abcd")]


# A header and a file of 3,000 bytes fill 3,584: the fifth file ends at 17,920.
@pytest.mark.parametrize("cut", [512, 3584, 17920, 17920 + 100, 20000])
def test_an_archive_cut_short(tmp_path, cut):
    (tmp_path / "a.tar").write_bytes(archive(FILES)[:cut])
    names = []
    with pytest.raises(ArchiveError, match="ends early or is damaged"):
        for name, _ in read_members(tmp_path / "a.tar"):
            names.append(name)
    assert names == [name for name, _ in FILES[: cut // 3584]]
    assert ends_early(tmp_path / "a.tar")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("lost", [8, 200])
def test_a_compressed_archive_cut_short(tmp_path, compress, lost):
    (tmp_path / "a.tar.gz").write_bytes(compress(archive(FILES))[:-lost])
    with pytest.raises(ArchiveError):
        list(read_members(tmp_path / "a.tar.gz"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive" * 100,
        archive(FILES)[: 3584 * 5] + b"x" * 5000,
        gzip.compress(archive(FILES))[:100] + bytes(900),
    ],
)
def test_what_is_no_archive_or_damaged_within(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ArchiveError):
        list(read_members(tmp_path / "a.tar"))


def test_links_and_devices_are_not_followed_and_no_name_leads_anywhere(tmp_path, monkeypatch):
    (tmp_path / "secret.wav").write_bytes(b"secret")
    links = [
        odd_member("l.wav", tarfile.SYMTYPE, str(tmp_path / "secret.wav")),
        odd_member("h.wav", tarfile.LNKTYPE, "../secret.wav"),
    ]
    others = [
        odd_member("dev.wav", tarfile.CHRTYPE),
        odd_member("pipe.wav", tarfile.FIFOTYPE),
        odd_member("folder", tarfile.DIRTYPE),
    ]
    outside = [("../escaped.wav", b"e"), (str(tmp_path / "absolute.wav"), b"a")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.tar").write_bytes(archive(outside, links + others))
    contents = [content for _, content in read_members(tmp_path / "in/a.tar")]
    assert contents == [b"e", b"a", None, None, None, None]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "in", "secret.wav"]
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    files = [("large.wav", bytes(101)), ("small.wav", bytes(100))]
    (tmp_path / "in/a.tar").write_bytes(archive(files))
    assert list(read_members(tmp_path / "in/a.tar")) == [("large.wav", None), files[1]]


def write_zip(path, files: list[tuple[str | zipfile.ZipInfo, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)


def test_a_zip_archive(tmp_path, monkeypatch):
    write_zip(tmp_path / "a.zip", [*FILES, ("folder/", b"")])
    assert list(read_members(tmp_path / "a.zip")) == FILES
    assert not ends_early(tmp_path / "a.zip")
    link = zipfile.ZipInfo("link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    files = [("../escaped.wav", b"e"), (link, b"/etc/passwd"), ("large.wav", bytes(101))]
    write_zip(tmp_path / "b.zip", files)
    assert list(read_members(tmp_path / "b.zip")) == [
        ("../escaped.wav", b"e"),
        ("link.wav", None),
        ("large.wav", None),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


@pytest.mark.parametrize("spoil", ["cut", "bit"])
def test_a_damaged_zip_archive(tmp_path, spoil):
    write_zip(tmp_path / "a.zip", FILES)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    if spoil == "cut":
        del content[-30:]
    else:
        content[45] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ArchiveError):
        list(read_members(tmp_path / "a.zip"))
    assert ends_early(tmp_path / "a.zip") == (spoil == "cut")
