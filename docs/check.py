"""What the book must be: examples print what stands there, links lead somewhere, nothing is fetched from elsewhere."""

import doctest
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGEST = 30 * 2**20
#: attributes that make a browser fetch something when a page opens
FETCHED = {"img": ("src",), "script": ("src",), "link": ("href",), "source": ("src", "srcset"), "iframe": ("src",)}


class _Page(HTMLParser):
    """The anchors of a page, its links and what it fetches."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.fetched = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.anchors |= {known[key] for key in ("id", "name") if known.get(key)}
        if tag == "a" and known.get("href"):
            self.links.append(known["href"])
        no_fetch = tag == "link" and known.get("rel") not in ("stylesheet", "icon", "preload", "shortcut icon")
        self.fetched += [] if no_fetch else [known[key] for key in FETCHED.get(tag, ()) if known.get(key)]


def size(html: Path) -> int:
    """Of the whole site, in bytes."""
    return sum(path.stat().st_size for path in html.rglob("*") if path.is_file())


def examples(pages: list[Path]) -> list[str]:
    """One sentence for each page with an example that does not print what stands there; doctest says which above it."""
    runs = {page: doctest.testfile(str(page), module_relative=False) for page in pages}
    return [f"{page}: {run.failed} of {run.attempted} examples fail" for page, run in runs.items() if run.failed]


def problems(html: Path) -> list[str]:
    """One sentence for each broken link, each request to elsewhere, and a site that is too large."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(html.rglob("*.html"))}
    found = [problem for path, page in pages.items() for problem in _of_page(path, page, pages, html)]
    if size(html) > LARGEST:
        found.append(f"the site has {size(html) / 2**20:.1f} MB: at most {LARGEST / 2**20:.0f} are wanted")
    return found


def _of_page(path, page, pages, html) -> Iterator[str]:
    name = path.relative_to(html)
    for address in page.fetched:
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
            yield f"{name} fetches {address} from elsewhere"
        elif not address.startswith("data:") and not _target(path, address).exists():
            yield f"{name} shows {address}, which there is not"
    for address in page.links:
        parts = urlsplit(address)
        if parts.scheme or address.startswith("//"):
            continue
        target = _target(path, address) if parts.path else path
        if not target.exists():
            yield f"{name} links to {address}, which there is not"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{name} links to {address}, where {target.name} has no such place"


def _target(path, address):
    return (path.parent / unquote(urlsplit(address).path)).resolve()
