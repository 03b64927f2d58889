"""The check of a built site finds each kind of defect, and nothing in a sound one."""

import pytest

from docs import check
from docs.extensions.mathml import mathml


def site(folder, body, **files):
    (folder / "index.html").write_text(f"<html><body>{body}</body></html>")
    for name, text in files.items():
        (folder / f"{name}.html").write_text(text)
    return check.problems(folder)


def test_a_sound_site_has_no_problem(tmp_path):
    body = '<a href="other.html#here">a</a><a href="#top" id="top">b</a><a href="https://example.org">c</a>'
    assert site(tmp_path, body + '<img src="data:,">', other='<p id="here">') == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "index.html links to gone.html, which there is not"),
        ('<a href="#gone">x</a>', "index.html links to #gone, where index.html has no such place"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "index.html fetches https://cdn.example/x.js from elsewhere",
        ),
        (
            '<link rel="stylesheet" href="//fonts.example/x.css">',
            "index.html fetches //fonts.example/x.css from elsewhere",
        ),
        ('<img src="gone.svg">', "index.html shows gone.svg, which there is not"),
    ],
)
def test_each_defect_is_named(tmp_path, body, problem):
    assert site(tmp_path, body) == [problem]


def test_a_site_that_is_too_large_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "LARGEST", 10)
    assert "at most" in site(tmp_path, "")[0]


@pytest.mark.parametrize(
    ("written", "known"),
    [
        (r"\frac12", r"\frac{1}{2}"),
        (r"\tfrac1n", r"\tfrac{1}{n}"),
        (r"\frac1\beta", r"\frac{1}{\beta}"),
        (r"\pi_{\rm ref}", r"\pi_{\mathrm{ref}}"),
        (r"\big(x\big)", "(x)"),
        (r"a \iff b", r"a \Longleftrightarrow b"),
    ],
)
def test_formulas_are_set_as_docstrings_write_them(written, known):
    assert mathml(written) == mathml(known)
