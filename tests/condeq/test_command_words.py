"""The command's own words: version, completion, lists, pipes, other encodings, addresses, nothing written unasked."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

import figures
import proofs_checks
import tabular
from condeq import completion, listing, terminal, wording
from tabular import losses

ROOT = Path(__file__).parents[2]
WHERE = str(Path(sys.executable).with_name("condeq"))


def run(*arguments, **environment):
    """The command in a process of its own, its output as bytes."""
    code = "from condeq.cli import main; main()"
    known = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env=known | environment)


@pytest.fixture
def written(condeq, monkeypatch):
    """Run the command in this process with both streams in an encoding: (exit code, standard output as bytes)."""

    def run(encoding, *arguments):
        streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            code, *_ = condeq(*arguments)
        streams["stdout"].flush()
        return code, streams["stdout"].buffer.getvalue()

    return run


def test_version_and_short_help(condeq):
    assert condeq("--version") == (0, f"condeq {tabular.__version__}\n", "")
    assert condeq("-h") == condeq("--help")
    assert "--install-completion" in condeq("-h")[1]
    assert "--problem" in condeq("figures", "-h")[1]


def test_completion_knows_the_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").touch()
    assert completion.figures("win") == ["win_digraph"]
    assert completion.losses("exo") == ["exo_pair"]
    assert completion.problems("mi") == ["mine.yaml", "misaligned_pair"]
    Path("mine.py").touch()
    Path("thm.csv").touch()
    assert completion.statements("mi") == ["mine.py"]
    assert completion.logs("t") == ["thm.csv", "trainer_log"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("condeq solve misaligned_pair --loss exo", ["exo_pair"]),
        ("condeq audit tr", ["trainer_log"]),
    ],
)
def test_a_shell_is_offered_the_names(typed, offered):
    """As bash asks for them."""
    code = "import sys; sys.argv = ['condeq']; from condeq.__main__ import main; main()"
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_CONDEQ_COMPLETE": "complete_bash"}
    known = os.environ | asked | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=known)
    assert sorted(told.stdout.split()) == offered, told.stderr


def test_list_names_everything_a_line_each(condeq):
    code, out, _ = condeq("list")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert {len(row) for row in rows} == {3}
    named = {section: [name for kind, name, _ in rows if kind == section] for section in listing.SECTIONS}
    assert set(named["statements"]) == set(proofs_checks.statements())
    assert set(named["figures"]) == set(figures.FIGURES)
    assert set(named["losses"]) == set(losses.names())
    assert named["demos"] == [path.stem[3:] for path in sorted((ROOT / "demos").glob("[0-9]*.py"))]
    assert json.loads(condeq("list", "figures", "--json")[1])["figures"]["escape_time"].endswith("--problem")


def test_demos_are_listed_by_their_titles():
    titles = re.findall(r"^\d+\. \*\*(.+?)\.?\*\*", (ROOT / "demos" / "README.md").read_text(), flags=re.MULTILINE)
    assert titles == [*listing.demos().values()]


def test_what_is_listed_for_a_figure_can_be_set(condeq):
    """Each setting as it is printed is one that --set takes, with the value it has anyway."""
    words = listing.figures()["escape_time"].rpartition("; ")[2]
    settings = re.findall(r"(\w+)=(\[.*?\]|\S+)", words)
    given = [part for key, value in settings for part in ("--set", f"{key}={value}")]
    code, _, err = condeq("figures", "escape_time", "--out", "here", "--format", "svg", *given)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("losses",), ("failures", "contradictory_labels"), ("solve", "judges_votes"), ("template",)],
)
def test_it_speaks_under_another_encoding(written, arguments):
    """Whatever cp1252 lacks is spelled, and what it has is written in it."""
    code, out = written("cp1252", *arguments)
    assert code == 0
    text = out.decode("cp1252")
    assert "\\u" not in text
    if arguments == ("list",):
        assert "When the undesirable set U is non-empty" in text
        assert "delta_ref > -Deltar/beta on every pair" in text


def test_a_process_speaks_the_encoding_that_it_is_given():
    done = run("losses", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "\\u" not in done.stdout.decode("cp1252")


def test_an_error_under_another_encoding_is_one_sentence(tmp_path):
    name = tmp_path / "δ.yaml"
    done = run("solve", str(name), PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 2
    assert b"delta.yaml: the file cannot be read" in done.stderr


def test_json_under_another_encoding_says_the_same(written, tmp_path):
    """Letters are escaped, never spelled: a program that reads it gets the names of the file."""
    names = ["δ", "naïve", "雨"]
    prompt = {"responses": names, "reference": [0.2, 0.3, 0.5], "preferences": [names[:2]]}
    (tmp_path / "mine.json").write_text(json.dumps({"beta": 1, "prompts": [prompt]}))
    solve, check = ("solve", str(tmp_path / "mine.json"), "--json"), ("check", "def-3.3", "--json")
    for arguments, encodings in ((solve, ("utf-8", "cp1252", "ascii")), (check, ("utf-8", "ascii"))):
        told = []
        for encoding in encodings:
            _, out = written(encoding, *arguments)
            told.append(json.loads(out.decode(encoding)))
            if arguments == check:
                told[-1][0].pop("seconds")
        assert all(answer == told[0] for answer in told)


@pytest.mark.parametrize(
    ("character", "written"),
    [
        ("δ", "delta"),
        ("Δ", "Delta"),
        ("₀", "0"),
        ("─", "-"),
        ("│", "|"),
        ("≥", ">="),
        ("雨", "\\u96e8"),
        ("–", "-"),
        ("“", '"'),
    ],
)
def test_letters_that_an_encoding_lacks(character, written):
    assert wording.spelled(UnicodeEncodeError("ascii", character, 0, 1, "")) == (written, 1)


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("reference", [0.3, 0.3], "prompts[0].reference: it sums to 0.6, not 1: divide each by that sum"),
        ("log_reference", [-1, -1], "its probabilities sum to 0.7357588823, not 1: subtract the logarithm of that sum"),
    ],
)
def test_a_reference_that_does_not_sum_to_1_is_told_in_the_files_words(condeq, tmp_path, key, values, told):
    (tmp_path / "mine.json").write_text(json.dumps({"beta": 1, "prompts": [{key: values, "preferences": [[0, 1]]}]}))
    code, _, err = condeq("solve", tmp_path / "mine.json")
    assert code == 2
    assert told in err
    assert "ref row" not in err


@pytest.mark.parametrize("columns", [None, "40"])
def test_addresses_are_never_broken(capsys, monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    address = f"https://example.org/{'a-long/' * 9}file.csv"
    terminal.console.print(Text(f"the data can be had from {address} and in no other place that we know of"))
    terminal.console.print(Text("words that are broken where a terminal of 40 columns ends"))
    told = capsys.readouterr().out
    assert f"from {address} and" in told
    assert len(told.splitlines()) == (3 if columns else 2)


def test_one_line_an_item_when_it_is_no_terminal(condeq, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    _, out, _ = condeq("list", "statements")
    assert len(out.splitlines()) == len(proofs_checks.statements())
    _, table, _ = condeq("losses")
    assert sum(line.strip().startswith("exo_pair ") for line in table.splitlines()) == 1


def test_a_table_is_fitted_to_a_terminal():
    main, side = pty.openpty()
    code = "from condeq.cli import main; main()"
    known = os.environ | {"COLUMNS": "70", "TERM": "xterm", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code, "list", "examples"], stdout=side, env=known) as process:
        os.close(side)
        seen = b""
        while True:
            try:
                piece = os.read(main, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece
    os.close(main)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())
    assert max(map(len, plain.splitlines())) <= 70
    assert "misaligned_pair" in plain


@pytest.mark.parametrize(
    "arguments",
    [
        ("solve", "misaligned_pair"),
        ("failures", "misaligned_pair"),
        ("certify", "misaligned_pair"),
        ("losses",),
        ("list",),
        ("template",),
        ("template", "--schema"),
        ("audit", "trainer_log", "--beta", "0.1"),
    ],
)
def test_nothing_is_written_unasked(condeq, tmp_path, arguments):
    code, out, _ = condeq(*arguments)
    assert code == 0
    assert out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("figures", "escape_time"), ("report",)])
def test_what_is_files_asks_for_a_place(condeq, tmp_path, arguments):
    code, out, err = condeq(*arguments)
    assert (code, out) == (2, "")
    assert err.endswith("name their directory with --out\n")
    assert list(tmp_path.iterdir()) == []


def test_figures_of_ones_own_problem(condeq):
    """By the file, the loss it names, and a loss of the options."""
    Path("mine.yaml").write_text(
        "beta: 0.5\nloss: {name: cdpo, eps: 0.125}\nprompts:\n- {reference: [0.2, 0.3, 0.5], preferences: [[0, 1]]}\n"
    )
    asked = ("figures", "solution_sets", "--problem", "mine.yaml", "--format", "svg", "--latex", "--width", "column")
    code, _, err = condeq(*asked, "--out", "a")
    assert (code, err) == (0, "")
    assert {path.name.split(".", 1)[1] for path in Path("a").iterdir()} == {
        "svg", "csv", "txt", "caption.tex", "table.tex",
    }  # fmt: skip
    assert "cdpo(eps=0.125)" in Path("a/solution_sets.txt").read_text(encoding="utf-8")
    assert 'width="234pt"' in Path("a/solution_sets.svg").read_text()
    condeq(*asked, "--out", "b", "--loss", "cdpo", "--set", "eps=0.25")
    assert "cdpo(eps=0.25)" in Path("b/solution_sets.txt").read_text(encoding="utf-8")
