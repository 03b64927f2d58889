"""Where data comes from: a directory, a download, or a sentence that says why not. No test leaves this machine."""

import hashlib
import http.server
import logging
import threading

import pooch
import pytest

from tabular import InputError, logs
from tabular.logged import store
from tabular.logged.store import DataFile, DataUnavailable, fetch

CONTENT = b"log-probabilities " * 1000


@pytest.fixture
def pinned(monkeypatch):
    """A data set of one file whose content is known."""

    def pin(url=None):
        file = DataFile(hashlib.sha256(CONTENT).hexdigest(), url)
        monkeypatch.setitem(store.FILES, "toy", {"toy.bin": file})

    pin()
    return pin


@pytest.fixture
def directory(tmp_path, monkeypatch, pinned):
    """A directory that CONDEQ_DATA names and that holds the data set."""
    monkeypatch.setenv("CONDEQ_DATA", str(tmp_path))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.bin").write_bytes(CONTENT)
    return tmp_path


@pytest.fixture
def server(tmp_path, monkeypatch, pinned):
    """A web server of this process; set ``server.reply`` to (status, announced length, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            status, length, body = self.server.reply
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.delenv("CONDEQ_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as web:
        web.requests, web.reply = 0, (200, len(CONTENT), CONTENT)
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        pinned(f"http://127.0.0.1:{web.server_port}/toy.bin")
        yield web
        web.shutdown()
        thread.join()


def refused(expected, error=DataUnavailable):
    with pytest.raises(InputError) as raised:
        fetch("toy", "toy.bin")
    assert type(raised.value) is error
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_directory_that_has_the_file(directory):
    assert fetch("toy", "toy.bin") == directory / "toy" / "toy.bin"


def test_a_directory_without_the_file(directory):
    (directory / "toy" / "toy.bin").unlink()
    refused("toy.bin is not there: CONDEQ_DATA must name a directory that holds toy/toy.bin")


@pytest.mark.parametrize("changed", [CONTENT[:-1], CONTENT.replace(b"log", b"Log", 1), b""])
def test_a_truncated_or_changed_file_is_an_error_and_not_an_absence(directory, changed):
    (directory / "toy" / "toy.bin").write_bytes(changed)
    found = hashlib.sha256(changed).hexdigest()[:12]
    expected = hashlib.sha256(CONTENT).hexdigest()[:12]
    refused(f"truncated or changed (sha256 {found}..., expected {expected}...): copy it again", error=InputError)


def test_an_unreadable_file(directory):
    (directory / "toy" / "toy.bin").unlink()
    (directory / "toy" / "toy.bin").mkdir()
    refused("toy.bin cannot be read: Is a directory", error=InputError)


def test_a_derived_table_is_not_downloaded(monkeypatch, pinned):
    monkeypatch.setenv("CONDEQ_DATA", "")  # empty is unset
    refused("not published for download: set CONDEQ_DATA to a directory that holds it as toy/toy.bin")


def test_a_download_is_kept(server):
    assert fetch("toy", "toy.bin").read_bytes() == CONTENT
    assert fetch("toy", "toy.bin").read_bytes() == CONTENT
    assert server.requests == 1


def test_a_download_is_quiet(server):
    logger, spoken = pooch.get_logger(), []
    listener = logging.Handler()
    listener.emit = spoken.append
    logger.addHandler(listener)
    level = logger.level
    try:
        fetch("toy", "toy.bin")
    finally:
        logger.removeHandler(listener)
    assert spoken == []
    assert logger.level == level


def test_a_damaged_cache_is_downloaded_again(server):
    fetch("toy", "toy.bin").write_bytes(CONTENT[:100])
    assert fetch("toy", "toy.bin").read_bytes() == CONTENT
    assert server.requests == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((200, len(CONTENT), CONTENT[:100]), "toy.bin could not be downloaded ("),  # the connection broke
        ((200, 100, CONTENT[:100]), "it brought something else than the pinned file"),  # truncated at the source
        ((200, 13, b"<html>login</"), "it brought something else than the pinned file"),
        ((404, 0, b""), "toy.bin could not be downloaded (HTTPError)"),
    ],
)
def test_a_download_that_is_not_the_file_leaves_nothing_behind(server, tmp_path, reply, why):
    server.reply = reply
    refused(why)
    assert not (tmp_path / "conditional-equivalence" / "toy" / "toy.bin").exists()
    server.reply = (200, len(CONTENT), CONTENT)
    assert fetch("toy", "toy.bin").read_bytes() == CONTENT


def test_no_network(server, pinned):
    pinned("http://127.0.0.1:9/toy.bin")  # the discard port: nobody answers
    refused("(ConnectionError): try again with network, or set CONDEQ_DATA to a directory that holds toy/toy.bin")


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "conditional-equivalence").write_text("a file where the cache directory should be")
    refused("toy.bin could not be downloaded (")


def test_every_file_of_every_data_set_is_pinned():
    assert list(store.FILES) == list(logs.DATA_SETS)
    for name, files in store.FILES.items():
        for filename, file in files.items():
            assert len(file.sha256) == 64, (name, filename)
            assert file.url is None or file.url.endswith("/" + filename)


@pytest.mark.parametrize("name", logs.DATA_SETS)
def test_every_data_set_without_data_or_network_says_where_it_belongs(tmp_path, monkeypatch, name):
    monkeypatch.setenv("CONDEQ_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable, match=f"CONDEQ_DATA must name a directory that holds {name}/"):
        logs.load(name)
