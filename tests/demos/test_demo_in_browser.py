"""A demo as a student meets it: served on this machine, opened in Chromium, a slider moved by its arrow key."""

import contextlib
import os
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
FOCUS_FIRST_SLIDER = """
const find = root => [...root.querySelectorAll('*')].reduce((found, element) => found
    ?? (element.matches('[role=slider]') ? element : element.shadowRoot && find(element.shadowRoot)), null);
const thumb = find(document);
thumb?.focus();
return thumb?.getAttribute('aria-valuenow') ?? null;
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
        time.sleep(0.2)
    return pytest.fail(f"waited {patience:g} s in vain: {otherwise()}")


def press_right(browser):
    for kind in ("keyDown", "keyUp"):
        key = {"type": kind, "key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
        browser.devtools("Input.dispatchKeyEvent", key)


def test_moving_the_slider_turns_the_preference(tmp_path):
    with chromium(tmp_path / "profile") as browser, served(NAMES[1], tmp_path) as address:
        browser.open(address)

        def shows(sentence):
            eventually(lambda: sentence in browser.run(TEXT), lambda: browser.run(TEXT)[:2000])

        shows("the RLHF optimum 26.9 %: it prefers the wrong response")  # delta* = -2 + 1
        assert browser.run(FOCUS_FIRST_SLIDER) is not None
        for _ in range(11):
            press_right(browser)
        shows("the RLHF optimum 52.5 %: it prefers the right response")  # delta* = -0.9 + 1
        assert browser.console_errors() == []
        elsewhere = (
            "return performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith(arguments[0]))"
        )
        assert [name for name in browser.run(elsewhere, address) if not name.startswith("data:")] == []
