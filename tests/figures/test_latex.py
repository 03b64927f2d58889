"""LaTeX of captions, statements and tables: ASCII, balanced, and every formula one that a parser of its own reads."""

import functools
import re
import shutil
import subprocess

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_pgf import LatexManager
from matplotlib.mathtext import MathTextParser

import figures
from figures import drawing, latex, style
from figures.table import Table
from tabular import InputError, Preferences, Problem


def formulas(text):
    r"""The contents of ``\ensuremath{...}``, by counting braces."""
    found, at = [], 0
    while (start := text.find(r"\ensuremath{", at)) >= 0:
        depth, end = 1, start + len(r"\ensuremath{")
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0) if text[end - 1] != "\\" else 0
            end += 1
        found.append(text[start + len(r"\ensuremath{") : end - 1])
        at = end
    return found


@functools.cache
def parsed(formula):
    """What the parser makes of a formula, once: the statements repeat theirs."""
    with matplotlib.rc_context({"mathtext.fontset": "cm"}):
        # LaTeX has a bare root sign, the parser has none
        return MathTextParser("path").parse(f"${formula}$".replace(r"\surd", r"\infty "))


def is_latex(text):
    """Plain ASCII, no stray special character, and formulas that parse."""
    assert text.isascii()
    for formula in formulas(text):
        assert parsed(formula).width > 0
        text = text.replace(rf"\ensuremath{{{formula}}}", "")
    bare = re.sub(r"\\[_&%#${}]", "", text)
    assert not re.search(r"(?<!\\)[_^&%#$<>|]", bare), bare
    return True


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("δ_ref", r"\ensuremath{\delta_{\mathrm{ref}}}"),
        ("π*_w", r"\ensuremath{\pi^{*}_{w}}"),
        ("π_(t+1)", r"\ensuremath{\pi_{(t+1)}}"),
        ("e^(β|δ_ref|)", r"\ensuremath{e^{(\beta|\delta_{\mathrm{ref}}|)}}"),
        ("2β²t", r"2\ensuremath{\beta^{2}}t"),
        ("10⁻¹⁰", r"10\ensuremath{^{-10}}"),
        ("E_{π*}[r]", r"\ensuremath{E_{\pi^{*}}}[r]"),
        ("y₀ ≥ y₁", r"\ensuremath{y_{0}} \ensuremath{\geq} \ensuremath{y_{1}}"),
        ("50 % of a_file & more", r"50 \% of a\_file \& more"),
        ("“clip”", "``clip''"),
        ("π*_r̂(y)", r"\ensuremath{\pi^{*}_{\hat{r}}}(y)"),
        ("Δr", r"\ensuremath{\Delta}r"),
        ("π*_β′ of x′", r"\ensuremath{\pi^{*\prime}_{\beta}} of x\ensuremath{'}"),
        ("P_i,rest, and x_1,x_2", r"\ensuremath{P_{i,\mathrm{rest}}}, and \ensuremath{x_{1}},\ensuremath{x_{2}}"),
        ("naïve Łódź, “größer”", r"na\"{i}ve \L{}\'{o}d\'{z}, ``gr\"{o}\ss{}er''"),
    ],
)
def test_words_and_their_latex(words, expected):
    assert latex.text(words) == expected
    assert is_latex(latex.text(words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a_b & 50 %", r"a\_b \& 50 \%"),
        ("$\\delta$ of a_b", r"$\delta$ of a\_b"),
        (style.plain("costs $5 or $6"), r"costs \textdollar{}5 or \textdollar{}6"),
        ("costs $5", r"costs \textdollar{}5"),
        (r"$\beta$, \$5_", r"$\beta$, \textdollar{}5\_"),
        ("{x}^2 naïve", r"\{x\}\textasciicircum{}2 na\"{i}ve"),
    ],
)
def test_labels_and_their_latex(words, expected):
    """What the reader's names hold is set as it is; mathematics is what Matplotlib takes for it."""
    assert latex.label(words) == expected


NAMES = [r"$\foo$", "a_b & $5", "{50 %} # ^~ naïve"]


@pytest.mark.parametrize("name", ["nash_and_borda", "win_digraph", "solution_sets", "projection"])
def test_names_of_any_letters_are_drawn_as_they_are_in_every_format(name, tmp_path, monkeypatch):
    """Also in the formats that are written beside PGF, where nothing is LaTeX."""
    monkeypatch.setattr(LatexManager, "_get_cached_or_new", classmethod(lambda cls: Measured()))
    monkeypatch.setattr(figures, "_texsystem", lambda: "xelatex")
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5, [1.0, 0.0, 0.5])
    labels = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    given = type("File", (), {"problem": problem, "preferences": labels, "names": [NAMES]})()
    saved = figures.save(name, tmp_path, ["pgf", "svg"], latex=True, problem=given)
    written = saved.paths["pgf"].read_text(encoding="utf-8")
    assert written.startswith(r"\providecommand{\mathdefault}")
    for words in NAMES:
        assert latex.label(style.plain(words)) in written
    assert "textdollar" not in saved.paths["svg"].read_text(encoding="utf-8")
    assert is_latex(latex.text(saved.caption))


def packages(engine, *names):
    """Whether an engine is installed, and packages of LaTeX."""
    if not shutil.which(engine) or not shutil.which("kpsewhich"):
        return False
    return all(subprocess.run(["kpsewhich", f"{name}.sty"], capture_output=True).returncode == 0 for name in names)


PAPER = r"""
\documentclass[twocolumn]{article}
\usepackage{pgf,booktabs,amsthm} \newtheorem{theorem}{Theorem}
\begin{document}
\begin{figure}\input{win_digraph.pgf}\input{win_digraph.caption.tex}\end{figure}
\input{win_digraph.table.tex}
\input{words.tex}
\end{document}
"""


@pytest.mark.parametrize("engine", ["pdflatex", "xelatex"])
def test_an_engine_sets_figure_caption_table_and_words(engine, tmp_path):
    """With nothing in the preamble but what the files say that they need."""
    if not packages(engine, "pgf", "booktabs", "amsthm"):
        pytest.skip(f"no {engine} with pgf, booktabs and amsthm")
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    labels = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    given = type("File", (), {"problem": problem, "preferences": labels, "names": [NAMES]})()
    figures.save("win_digraph", tmp_path, ["pgf"], width="column", latex=True, problem=given)
    (tmp_path / "words.tex").write_text(latex.text("π*_β′(w) ≥ e^(β|δ_ref|) « naïve », P_i,rest ≻ μ"))
    (tmp_path / "paper.tex").write_text(PAPER)
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_character_without_a_command_is_named():
    with pytest.raises(InputError, match="'雨' in 'in the 雨' has no LaTeX command"):
        latex.text("in the 雨")


@pytest.mark.parametrize("name", ["undesirable_region", "solution_sets", "projection", "escape_time", "phase_diagram"])
def test_captions_of_figures(name):
    module = figures.module(name)
    written = latex.caption(module.TITLE, module.caption(module.compute()), name)
    assert is_latex(written.replace(r"\caption{\textbf{", "").replace(rf"\label{{fig:{name}}}", ""))
    assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(r"\}")


class Measured:
    """The LaTeX engine's part: how large a text is. There is none here, so no engine has set these files."""

    def get_width_height_descent(self, text, prop):
        return 4.0 * len(re.sub(r"\\[a-zA-Z]+|[{}$^_\\]", "", text)), 8.0, 2.0


@pytest.mark.parametrize("name", ["undesirable_region", "optima_vs_reference"])
def test_pgf_is_ascii_and_balanced(name, tmp_path, monkeypatch):
    """Environments and braces close, no date, and every label of the figure stands in it as LaTeX."""
    monkeypatch.setattr(LatexManager, "_get_cached_or_new", classmethod(lambda cls: Measured()))
    monkeypatch.setattr(figures, "_texsystem", lambda: "xelatex")
    saved = figures.save(name, tmp_path, ["pgf"])
    written = saved.paths["pgf"].read_text(encoding="utf-8")
    assert written.isascii()
    body = re.sub(r"^%.*$|\\[{}\\%]", "", written, flags=re.MULTILINE)
    opened, closed = (re.findall(rf"\\{end}\{{(\w+)\}}", body) for end in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    assert opened.count("pgfpicture") == 1
    depth = np.cumsum([{"{": 1, "}": -1}.get(character, 0) for character in body])
    assert depth.min() >= 0
    assert depth[-1] == 0
    drawn = figures.module(name).draw(Table.from_csv(saved.paths["csv"]))
    words = [text.get_text() for ax in drawn.axes for text in (ax.xaxis.label, ax.yaxis.label) if text.get_text()]
    assert words
    for label in words:
        assert latex.label(label).split("$")[0].split("\\")[0].strip() in written


def test_labels_are_what_they_were_after_pgf(tmp_path, monkeypatch):
    monkeypatch.setattr(LatexManager, "_get_cached_or_new", classmethod(lambda cls: Measured()))
    figure, axes = style.new_figure()
    axes.set_xlabel("δ ≥ 0, “logged”")
    drawing.Drawn(figure, {"a": axes}, {}).save(tmp_path / "x.pgf", texsystem="xelatex")
    assert axes.get_xlabel() == "δ ≥ 0, “logged”"
    assert r"\ensuremath{\delta} \ensuremath{\geq} 0, ``logged''" in (tmp_path / "x.pgf").read_text()


def test_a_table_says_what_it_leaves_out():
    data = Table({"x_y": np.arange(100) / 8, "gone": np.full(100, 1e-9), "name": ["α", "b_c"], "far": [-np.inf, 1]})
    written = latex.table(data)
    first, second = written.split(r"\medskip")
    assert r"x\_y & gone \\" in first
    assert "12 of 100 rows, evenly spaced" in first
    assert first.count(r"\\") == 13
    assert first.index(r"0 & \(1\times 10^{-9}\) \\") < first.index(r"12.375 & ")  # the ends are there
    assert r"\ensuremath{\alpha} & \(-\infty\) \\" in second
    assert "rows" not in second


def test_numbers_of_the_table_are_those_of_the_figure(tmp_path):
    saved = figures.save("projection", tmp_path, ["svg"], latex=True)
    table = Table.from_csv(saved.paths["csv"])
    written = saved.paths["table.tex"].read_text()
    for value in table["after_chain"]:
        assert f"{value:.6g}" in written
    assert saved.paths["caption.tex"].read_text().startswith(r"\caption{\textbf{Alignment as projection")
