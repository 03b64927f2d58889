"""A headless Chromium over chromedriver's HTTP interface: the few commands that the page and demo tests need."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: what a colour scheme can change of all that axe asks
COLOURS = ("color-contrast",)
# Leave two of every row, or part, that is made of the same elements in the same places: axe asks the others the same.
_THIN = """
const kind = element => element.tagName + [...element.attributes].map(({name, value}) =>
    ['class', 'style', 'role'].includes(name) ? name + value : name + !value);
const kinds = (element, above = '') => {
    const path = `${above} ${kind(element)}`;
    return [path, ...[...element.children].flatMap(child => kinds(child, path))];
};
for (const parent of document.querySelectorAll('ul, ol, table, tbody, section, div')) {
    const seen = {};
    for (const child of [...parent.children]) {
        const held = new Set(kinds(child));
        if ([...held].every(path => seen[path] > 1)) child.remove();
        for (const path of held) seen[path] = (seen[path] ?? 0) + 1;
    }
}
"""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the driver is on this machine


class Browser:
    """One browser session."""

    def __init__(self, address: str, profile: Path):
        self._address = address
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self._session = f"/session/{self._send('POST', '/session', {'capabilities': capabilities})['sessionId']}"

    def open(self, url: str) -> None:
        """Load a page and wait for it: the driver may return while the page before it still answers."""
        self.run("window.before = true")
        self._send("POST", f"{self._session}/url", {"url": url})
        deadline = time.monotonic() + 60
        while self.run("return window.before || document.readyState !== 'complete'"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{url} did not load within a minute")
            time.sleep(0.02)

    def run(self, script: str, *args):
        """The value that a script returns."""
        return self._send("POST", f"{self._session}/execute/sync", {"script": script, "args": args})

    def click(self, selector: str) -> None:
        """A real click on the first element of a CSS selector, scrolled into view; what the page does then is done."""
        found = self._send("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        self._send("POST", f"{self._session}/element/{next(iter(found.values()))}/click", {})
        # the driver returns once the page has the click: the events that follow, such as hashchange, still wait in line
        served = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        self.devtools("Runtime.evaluate", {"expression": served, "awaitPromise": True})

    def viewport(self, width: int, height: int, mobile: bool = False) -> None:
        """Lay the page out as on a screen of this size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.devtools("Emulation.setDeviceMetricsOverride", size)

    def screenshot(self, path: Path, whole_page: bool = False) -> None:
        """A PNG of the viewport, or of the page from top to bottom."""
        shot = self.devtools("Page.captureScreenshot", {"captureBeyondViewport": whole_page})
        path.write_bytes(base64.b64decode(shot["data"]))

    def devtools(self, command: str, parameters: dict):
        """One command of the DevTools protocol."""
        return self._send("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def accessibility(self, only: tuple[str, ...] = ()) -> list[str]:
        """What axe finds wrong, by all rules or these, one line a rule: impact, rule, how often, where first.

        Of rows that are alike the page keeps two: open it again to have them all.
        """
        self.run(_THIN)
        if not self.run("return 'axe' in window"):
            self.run((resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        # the nodes of rules that are kept are not described: that takes as long as the rules
        options = {"resultTypes": ["violations"]} | ({"runOnly": only} if only else {})
        described = "found.violations.map(v => [v.impact, v.id, v.nodes.length, v.nodes[0].html])"
        asked = f"axe.run({json.dumps(options)}).then(found => {described})"
        found = self.devtools("Runtime.evaluate", {"expression": asked, "awaitPromise": True, "returnByValue": True})
        return [
            f"{impact}: {rule}, {count} times, first at {at}" for impact, rule, count, at in found["result"]["value"]
        ]

    def scheme(self, name: str) -> None:
        """Show the page as in a "light" or "dark" colour scheme."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.devtools("Emulation.setEmulatedMedia", {"media": "", "features": features})

    def console_errors(self) -> list[str]:
        """What the page complained about since it was last asked."""
        entries = self._send("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def close(self) -> None:
        self._send("DELETE", self._session)

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with _DIRECT.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None


@contextlib.contextmanager
def chromium(profile: Path):
    """A browser with a fresh profile directory; the test is skipped where there is none."""
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}: install Debian's chromium and chromium-driver")
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        started = next(found for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
        browser = Browser(f"http://127.0.0.1:{started.group(1)}", profile)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait()
        driver.stdout.close()
