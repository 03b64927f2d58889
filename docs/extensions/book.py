"""What the pages say of statements and figures: ``{verdict}`` badges, ``{statement}`` boxes, ``{project-figure}``.

All three take their words from ``verdicts.json`` and ``figures.json``, which :mod:`docs.generate` writes beside the
pages; a name that is not there stops the build.
"""

import functools
import json
from pathlib import Path

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.osutil import relative_uri

from docs.generate import words


def setup(app):
    app.add_role("verdict", Badge())
    app.add_directive("statement", StatementBox)
    app.add_directive("project-figure", ProjectFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@functools.cache
def _known(path):
    """The entries of a generated list by name."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def entry(source: str, file: str, name: str) -> dict:
    """One generated entry, or an end of the build that says which name nobody has."""
    known = _known(f"{source}/{file}")
    if name not in known:
        raise SphinxError(f"{file} has no {name!r}")
    return known[name]


class Badge(SphinxRole):
    """A verdict as a link to its statement's page: {verdict}`thm-3.5`."""

    def run(self):
        verdict = entry(self.env.srcdir, "verdicts.json", self.text)["verdict"]
        to = relative_uri(f"{self.env.docname}.html", f"statements/{self.text}.html")
        inside = nodes.inline("", "", nodes.Text(f"{self.text} "), nodes.strong("", verdict))
        inside["classes"] = ["verdict", words.slug(verdict)]
        return [nodes.reference("", "", inside, internal=True, refuri=to)], []


class StatementBox(SphinxDirective):
    """What a statement says, in its own words, with its badge."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        known = entry(self.env.srcdir, "verdicts.json", name)
        text = (
            f"**{words.sentence(known['title'])}.** {{verdict}}`{name}`\n\n"
            f"*If* {words.sentence(known['hypotheses'])}  \n*then* {words.sentence(known['statement'])}"
        )
        box = nodes.container(classes=["statement", words.slug(known["verdict"])])
        box += self.parse_text_to_nodes(text)
        return [box]


class ProjectFigure(SphinxDirective):
    """A figure of the project with its caption, its table and the command that makes it again."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        known = entry(self.env.srcdir, "figures.json", name)
        if known["missing"]:
            return self.parse_text_to_nodes(f"*{words.literal(known['title'])}: {words.literal(known['missing'])}*")
        text = (
            f"```{{figure}} /figures/{name}.svg\n:alt: {known['title']}; the caption says what is drawn\n"
            f":class: project\n\n{words.sentence(known['caption'])}\n"
            f"{{download}}`The numbers (CSV) </figures/{name}.csv>`. Again: `condeq figures {name}`\n```"
        )
        return self.parse_text_to_nodes(text)
