"""The lessons as a student meets them: served on this machine, in Chromium, a slider moved by its arrow key."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time

import pytest

from tests.browser import chromium
from tests.demos.test_demos import NAMES

# Everything a reader can see, inside web components too.
TEXT = """
const text = node => [...node.childNodes].map(child =>
    child.nodeType === Node.TEXT_NODE ? child.data
    : child.matches?.('style, script') ? '' : text(child) + (child.shadowRoot ? text(child.shadowRoot) : '')).join('');
return text(document.body).replace(/\\s+/g, ' ');
"""


@contextlib.contextmanager
def served(path, home):
    """The address of a notebook, served to this machine alone, without the user's own settings; always stopped."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "run", str(path), "--headless", "--no-token", "--no-sandbox"]
    surroundings = os.environ | {"XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home)}
    log = (home / "server.log").open("w")
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], env=surroundings, stdout=log, stderr=log
    )
    try:
        eventually(lambda: reachable(port), lambda: (home / "server.log").read_text())
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()
        log.close()


def reachable(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True


def eventually(look, otherwise, patience=90.0):
    """What ``look`` returns as soon as that is something."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    return pytest.fail(f"waited {patience:g} s in vain: {otherwise()}")


def press_right(browser):
    for kind in ("keyDown", "keyUp"):
        key = {"type": kind, "key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
        browser.devtools("Input.dispatchKeyEvent", key)


IMAGES = "return [...document.images].map(image => image.src.length + image.src.slice(-40)).join(' ')"
ALL_SLIDERS = """
const find = root => [...root.querySelectorAll('*')].flatMap(element => [
    ...(element.matches('[role=slider]') ? [element] : []), ...(element.shadowRoot ? find(element.shadowRoot) : [])]);
const thumbs = find(document);
thumbs[0]?.focus();
return thumbs.map(thumb => thumb.getAttribute('aria-valuenow'));
"""
# Visible texts below 14 px, inside web components too; zero-width characters hold formulas together.
SMALL = r"""
const small = node => [...node.childNodes].flatMap(child => {
    if (child.nodeType === Node.TEXT_NODE) {
        const around = child.parentElement ?? child.getRootNode().host;
        const read = child.data.replace(/[\s\u200b]/g, '') && around.getClientRects().length;
        return read && parseFloat(getComputedStyle(around).fontSize) < 14 ? [child.data] : [];
    }
    if (child.matches?.('style, script')) return [];
    return [...small(child), ...(child.shadowRoot ? small(child.shadowRoot) : [])];
});
return small(document.body);
"""
# The height of sliders and picture together, without the labels above the first slider.
HEIGHT = """
const find = root => [...root.querySelectorAll('*')].flatMap(element => [
    ...(element.matches('[role=slider]') ? [element] : []), ...(element.shadowRoot ? find(element.shadowRoot) : [])]);
const picture = [...document.images].find(image => image.naturalWidth > 500);
return picture.getBoundingClientRect().bottom - find(document)[0].getBoundingClientRect().top;
"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """All lessons served at once, and a browser."""
    folder = tmp_path_factory.mktemp("gallery")
    with chromium(folder / "profile") as browser, served(NAMES[1].parent, folder) as address:
        yield browser, address


def test_the_gallery_has_the_titles_of_the_lessons(gallery):
    browser, address = gallery
    browser.open(address)
    last = "10. Votes: Borda, Condorcet and Nash"
    eventually(lambda: last in browser.run(TEXT), lambda: browser.run(TEXT)[:2000])
    shown = browser.run(TEXT)
    for path in NAMES.values():
        assert path.read_text().split('# title = "')[1].split('"')[0] in shown


def test_moving_the_slider_turns_the_preference(gallery):
    """And the page asks nobody but its server for anything."""
    browser, address = gallery
    browser.open(f"{address}?file={NAMES[1].name}")

    def shows(sentence):
        eventually(lambda: sentence in browser.run(TEXT), lambda: browser.run(TEXT)[:2000])

    shows("the RLHF optimum 26.9 %: it prefers the wrong response")  # delta* = -2 + 1
    assert browser.run(ALL_SLIDERS)
    for _ in range(11):
        press_right(browser)
    shows("the RLHF optimum 52.5 %: it prefers the right response")  # delta* = -0.9 + 1
    assert browser.console_errors() == []
    elsewhere = (
        "return performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith(arguments[0]))"
    )
    assert [name for name in browser.run(elsewhere, address) if not name.startswith("data:")] == []


@pytest.mark.parametrize("number", NAMES)
def test_a_slider_changes_what_every_lesson_shows(gallery, number):
    browser, address = gallery
    browser.viewport(1100, 1400)
    browser.open(f"{address}?file={NAMES[number].name}")
    eventually(lambda: "Choose an answer" in browser.run(TEXT), lambda: browser.run(TEXT)[:2000])
    eventually(lambda: browser.run("return [...document.images].some(i => i.naturalWidth > 500)"), lambda: "no picture")

    def told():
        """The picture; of the audit, whose picture is of the pairs alone, the loss at its beta."""
        return re.findall(r"a loss of [\d.]+ nats", browser.run(TEXT)) if number == 9 else browser.run(IMAGES)

    assert browser.run(SMALL) == []
    assert browser.run(HEIGHT) < 640, "sliders and picture fit on one slide of 1100 x 700"
    before, positions = told(), browser.run(ALL_SLIDERS)
    press_right(browser)
    eventually(lambda: told() != before, lambda: f"sliders {positions}, {browser.run(ALL_SLIDERS)}")
    assert browser.console_errors() == []
