"""Downloading, against a server of our own on this machine: nothing leaves it."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.ingest import Card, FetchSummary, fetch, load_card
from faultsyn.ingest.card import parse_card

DATA = np.random.default_rng(0).bytes(300_000)
SHA = hashlib.sha256(DATA).hexdigest()


class Publisher(ThreadingHTTPServer):
    """A server with moods: `ranges`, `drop_after` so many bytes (as often as `drops`), `busy`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = DATA
        self.ranges = True
        self.drop_after = 0
        self.drops = 0
        self.busy = 0
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/x.bin"


class Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        mood = self.server
        wanted = self.headers.get("Range", "")
        mood.asked.append(wanted)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        if self.path != "/x.bin" or mood.busy:
            mood.busy = max(0, mood.busy - 1)
            self.send_error(503 if self.path == "/x.bin" else 404)
            return
        start = int(wanted[6:-1]) if wanted and mood.ranges else 0
        if start >= len(mood.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(mood.content)}")
            self.end_headers()
            return
        body = mood.content[start:]
        if mood.drops:  # before the headers: a client that leaves after them changes no mood
            mood.drops -= 1
            body = body[: mood.drop_after]
        self.send_response(206 if start else 200)
        if start:
            last = len(mood.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(mood.content)}")
        self.send_header("Content-Length", str(len(mood.content) - start))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    server = Publisher()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def card(*entries: Any) -> Card:
    rule = {
        "files": "*.csv",
        "columns": {"label": "normal", "asset": "a"},
        "streams": {"s": {"rate": 1, "channels": {"x": {"unit": "g"}}}},
    }
    top = {"name": "c", "title": "c", "address": "https://example.org/set", "recordings": [rule]}
    return parse_card({**top, "fetch": list(entries)}, "c.yaml")


def get(made: Card, to: Path, **options: Any) -> FetchSummary:
    return fetch(made, to, wait=lambda seconds: None, **options)


def entry(publisher: Publisher, **keys: Any) -> dict[str, Any]:
    return {"url": publisher.url, "sha256": SHA, "size": len(DATA), **keys}


def test_a_file_comes_whole_and_once(publisher: Publisher, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    made = card(entry(publisher, file="raw/one.bin"))
    summary = get(made, tmp_path, progress=lambda *step: seen.append(step))
    assert (tmp_path / "raw" / "one.bin").read_bytes() == DATA
    assert (summary.fetched, summary.known) == (["raw/one.bin"], [])
    assert seen[-1] == (0, 0, "raw/one.bin")
    summary = get(made, tmp_path)
    assert (summary.fetched, summary.known) == ([], ["raw/one.bin"])
    assert publisher.asked == [""]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_dropped_connection_goes_on(publisher: Publisher, tmp_path: Path, ranges: bool) -> None:
    publisher.ranges, publisher.drops, publisher.drop_after = ranges, 2, 120_000
    get(card(entry(publisher)), tmp_path)
    assert (tmp_path / "x.bin").read_bytes() == DATA
    asked = ["", "bytes=120000-", "bytes=240000-" if ranges else "bytes=120000-"]
    assert publisher.asked == asked
    assert not list(tmp_path.glob("*.part"))


def test_an_earlier_run_is_gone_on_with(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "x.bin.part").write_bytes(DATA[:1000])
    get(card(entry(publisher)), tmp_path)
    assert (tmp_path / "x.bin").read_bytes() == DATA
    assert publisher.asked == ["bytes=1000-"]


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_a_partial_file_that_is_whole_or_too_long(
    publisher: Publisher, tmp_path: Path, size: int | None
) -> None:
    for content in (DATA, DATA + b"more"):
        (tmp_path / "x.bin.part").write_bytes(content)
        get(card(entry(publisher, size=size)), tmp_path)
        assert (tmp_path / "x.bin").read_bytes() == DATA
        (tmp_path / "x.bin").unlink()


def test_a_wrong_checksum_leaves_nothing(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content = DATA[:-1] + b"\0"
    with pytest.raises(InputError, match=r"x\.bin: expected SHA-256 .*\.\., got .*removed"):
        get(card(entry(publisher)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_size_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content = DATA + b"more"
    with pytest.raises(InputError, match=r"is larger than the published 300000 bytes"):
        get(card(entry(publisher)), tmp_path)


def test_without_a_checksum_the_hash_is_told(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "x.bin.part").write_bytes(b"old")  # nothing would tell that it does not fit
    summary = get(card({"url": publisher.url}), tmp_path)
    assert summary.hashes == {"x.bin": SHA}
    assert publisher.asked == [""]


def test_a_busy_server_is_asked_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.busy = 3
    waits: list[float] = []
    fetch(card(entry(publisher)), tmp_path, wait=waits.append)
    assert waits == [1.0, 2.0, 4.0]


def test_a_file_that_is_gone(publisher: Publisher, tmp_path: Path) -> None:
    gone = entry(publisher, url=publisher.url.replace("x.bin", "y.bin"))
    with pytest.raises(InputError, match=r"y\.bin: the server says 404 Not Found .*copy it to"):
        get(card(gone), tmp_path)


def test_without_a_network(publisher: Publisher, tmp_path: Path) -> None:
    unreachable = entry(publisher)
    publisher.server_close()
    with pytest.raises(InputError, match=r"cannot be reached .*without a network: .*copy it to"):
        get(card(unreachable), tmp_path)
    (tmp_path / "x.bin").write_bytes(DATA)  # as it says: copied by hand, checked
    assert get(card(unreachable), tmp_path).known == ["x.bin"]
    (tmp_path / "x.bin").write_bytes(DATA[1:])
    with pytest.raises(InputError, match=r"x\.bin: is there, but not with the published SHA-256"):
        get(card(unreachable), tmp_path)


def test_a_full_disk_keeps_what_came(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"x\.bin\.part: the disk is full .*run the same command"):
        get(card(entry(publisher)), tmp_path)
    monkeypatch.undo()
    publisher.drops, publisher.drop_after = 1, 120_000
    original = Path.open

    def full(self: Path, mode: str = "r", *rest: Any) -> Any:
        if mode == "ab":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, mode, *rest)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"the disk is full \(120000 bytes are kept\)"):
        get(card(entry(publisher)), tmp_path)
    monkeypatch.undo()
    assert get(card(entry(publisher)), tmp_path).fetched == ["x.bin"]


def test_files_by_address(tmp_path: Path) -> None:
    (tmp_path / "from.bin").write_bytes(DATA)
    made = card({"url": (tmp_path / "from.bin").as_uri(), "sha256": SHA})
    get(made, tmp_path / "to")
    assert (tmp_path / "to" / "from.bin").read_bytes() == DATA


def test_a_redirection_to_a_local_file_is_not_followed(
    publisher: Publisher, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        get(card({"url": publisher.url.replace("x.bin", "away")}), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "ftp://x/y"}, r"fetch\[0\]\.url"),
        ({"url": "http://x/y", "file": "../y"}, r"'\.\./y' is no file below the folder"),
        ({"url": "http://x/"}, r"is no file below the folder"),
        ({"url": "http://x/y", "sha256": "abc"}, r"fetch\[0\]\.sha256"),
    ],
)
def test_wrong_entries(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        card(wrong)


def test_a_card_without_addresses_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not say where .*get them from https://example"):
        get(card(), tmp_path)


def test_archives_are_unpacked_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("deep/one.csv", "1")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("two.csv")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"2"))
    made = card(*({"url": p.as_uri(), "unpack": True} for p in sorted(tmp_path.glob("*.*"))))
    summary = get(made, tmp_path / "to")
    assert summary.unpacked == ["a.zip", "b.tar.gz"]
    assert (tmp_path / "to" / "deep" / "one.csv").read_text() == "1"
    assert (tmp_path / "to" / "two.csv").read_text() == "2"
    assert get(made, tmp_path / "to").unpacked == []


def test_archives_that_lead_out_or_are_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../out.csv", "1")
    (tmp_path / "b.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-30])
    for name, message in (("a.zip", "leads out of its folder"), ("b.zip", r"expected a \.zip")):
        with pytest.raises(InputError, match=message):
            get(card({"url": (tmp_path / name).as_uri(), "unpack": True}), tmp_path / "to")
    assert not (tmp_path / "out.csv").exists()


def test_the_verb(publisher: Publisher, tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(
        "name: c\ntitle: c\nfetch: [{url: " + publisher.url + ", sha256: " + SHA + "}]\n"
        "recordings:\n  - files: '*.csv'\n    columns: {label: normal, asset: a}\n"
        "    streams: {s: {rate: 1, channels: {x: {unit: g}}}}\n"
    )
    assert api.fetch(path, to=tmp_path / "to").fetched == ["x.bin"]


@pytest.mark.data
def test_the_tep_card_has_the_hashes_of_the_files(recordings: Path) -> None:
    listed = load_card("tep").fetch
    assert len(listed) == 46
    for download in listed:
        content = (recordings / "tep" / download.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == download.sha256
        assert len(content) == download.size
