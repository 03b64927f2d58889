"""What many pages need alike, made once: the list in the margin, and the stem of a word for the search.

Most pages are in no table of contents, two hundred statements and seventy modules: on all of a folder the list is the
same, for it names none of them.
"""

import functools
from pathlib import PurePosixPath

from sphinx.search.en import SearchEnglish


def setup(app):
    app.connect("html-page-context", functools.partial(_margin, {}), priority=400)  # before the theme asks for it
    app.add_search_language(English)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class English(SearchEnglish):
    """The language of the search, which otherwise stems a word anew on every page."""

    def __init__(self, options):
        super().__init__(options)
        self.stem = functools.cache(super().stem)


def _margin(known, app, page, template, context, doctree):
    """Let ``toctree`` answer what it answered another page of this folder, unless the list names one of the two."""
    listed = {name for names in app.env.toctree_includes.values() for name in names}
    if page not in listed:
        context["toctree"] = functools.partial(_answered, known, PurePosixPath(page).parent, context["toctree"])


def _answered(known, folder, toctree, **asked):
    place = folder, *sorted(asked.items())
    if place not in known:
        known[place] = toctree(**asked)
    return known[place]
