"""The format as a schema, as a template and as a page: each says what the reader reads."""

import copy
import json
import re
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from condeq import choice_input, examples, problem_file, problem_schema
from tabular import InputError, losses

ROOT = Path(__file__).parents[2]
TEMPLATE = (resources.files("condeq") / "templates" / "problem.yaml").read_text(encoding="utf-8")
VALIDATOR = jsonschema.Draft202012Validator(problem_schema.schema())


def reads(tmp_path, content):
    """Whether the reader takes it."""
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(content))
    try:
        problem_file.read(path)
    except InputError:
        return False
    return True


def parsed(text):
    return yaml.safe_load(text)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(problem_schema.schema())


@pytest.mark.parametrize("file", examples.PROBLEMS)
def test_examples_meet_the_schema(file):
    assert [*VALIDATOR.iter_errors(parsed((examples.DIRECTORY / file).read_text(encoding="utf-8")))] == []


PROMPT = {"reference": [0.5, 0.25, 0.25], "responses": ["a", "b", 3], "reward": [1, 0, 0.5]}
WAYS = {
    "pairs": {"preferences": [["a", "b"], ["b", 3, 2.5]]},
    "bradley-terry": {"preferences": "bradley-terry"},
    "rankings": {"rankings": [["a", "b", 3], {"order": ["b", ["a", 3]], "voters": 2}]},
    "wins": {"wins": [[0, 2, 1], [1, 0, 1], [0, 1, 0]]},
    "matrix": {"preference_matrix": [[0.5, 0.75, 0.5], [0.25, 0.5, 0.5], [0.5, 0.5, 0.5]]},
}


def file_of(way, **changes):
    return {"beta": 1, "prompts": [PROMPT | WAYS[way]]} | changes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", [None, "ipo", {"name": "cdpo", "eps": 0.1}])
def test_both_accept_every_way_to_say_what_was_preferred(tmp_path, way, loss):
    content = file_of(way) if loss is None else file_of(way, loss=loss)
    assert reads(tmp_path, content)
    assert VALIDATOR.is_valid(content)


def changed(way="pairs", at=("prompts", 0), **changes):
    """A good file with keys of one place changed; None removes one."""
    content = copy.deepcopy(file_of(way))
    place = content
    for step in at:
        place = place[step]
    for key, value in changes.items():
        place.pop(key, None)
        if value is not None:
            place[key] = value
    return content


WRONG = {
    "no beta": changed(at=(), beta=None),
    "beta as text": changed(at=(), beta="1e-3"),
    "beta of zero": changed(at=(), beta=0),
    "a truth value for beta": changed(at=(), beta=True),
    "an unknown key": changed(at=(), betta=1),
    "no prompts": changed(at=(), prompts=[]),
    "prompts as a mapping": changed(at=(), prompts={}),
    "an unknown loss": changed(at=(), loss="dpoo"),
    "a loss without a name": changed(at=(), loss={"eps": 0.1}),
    "both references": changed(log_reference=[-1, -1, -1]),
    "no reference": changed(reference=None),
    "a reference as text": changed(reference="uniform"),
    "an unknown key of a prompt": changed(rewards=[1, 2, 3]),
    "yes without quotes": changed(responses=[True, "b", 3]),
    "a name twice": changed(responses=["a", "a", 3]),
    "no preferences": changed(preferences=None),
    "two kinds of preferences": changed(wins=[[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "an unknown rule": changed(preferences="bradley"),
    "a label of one": changed(preferences=[["a"]]),
    "a label of four": changed(preferences=[["a", "b", 1, 1]]),
    "a negative weight": changed(preferences=[["a", "b", -1]]),
    "a truth value in a label": changed(preferences=[[True, "b"]]),
    "a ranking without order": changed("rankings", rankings=[{"voters": 2}]),
    "a ranking with more": changed("rankings", rankings=[{"order": ["a", "b"], "weight": 2}]),
    "wins as a list": changed("wins", wins=[1, 2, 3]),
}


@pytest.mark.parametrize("name", WRONG)
def test_both_refuse_what_is_wrong(tmp_path, name):
    assert not reads(tmp_path, WRONG[name])
    assert not VALIDATOR.is_valid(WRONG[name])


def test_what_only_the_reader_can_see(tmp_path):
    """Said on the page: sums, and labels of responses that are not there."""
    for content in (changed(reference=[0.5, 0.5, 0.5]), changed(preferences=[["a", "nobody"]])):
        assert VALIDATOR.is_valid(content)
        assert not reads(tmp_path, content)


def test_the_template_reads_and_shows_every_key(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    read = problem_file.read(path)
    assert read.names == [["polite", "rude", "silent"]]
    assert VALIDATOR.is_valid(parsed(TEMPLATE))
    for key in ("beta", "loss", "prompts", *problem_file.PROMPT_KEYS):
        assert re.search(rf"^\s*(?:# |- )*{key}:", TEMPLATE, flags=re.MULTILINE), key


def test_the_other_way_to_write_the_reference_says_the_same(tmp_path):
    path = tmp_path / "logs.yaml"
    path.write_text(
        TEMPLATE.replace("    reference:", "    # reference:").replace("    # log_reference:", "    log_reference:")
    )
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    read, other = problem_file.read(tmp_path / "template.yaml").problem, problem_file.read(path).problem
    assert other.log_ref == pytest.approx(read.log_ref, abs=1e-9)


CHOICES = re.findall(r"^    # (preferences: \S+|rankings|wins|preference_matrix)", TEMPLATE, flags=re.MULTILINE)


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_of_the_template_can_be_taken(tmp_path, choice):
    """With its hashes taken away and the preferences above it left out."""
    head, rest = TEMPLATE.split("    preferences:", 1)
    lines = rest.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"    # {choice}"))
    block = [lines[start]]
    for line in lines[start + 1 :]:
        if not line.startswith("    #   -"):
            break
        block.append(line)
    path = tmp_path / "choice.yaml"
    path.write_text(head + "\n".join(line.replace("    # ", "    ", 1) for line in block) + "\n")
    assert problem_file.read(path).preferences.n_pairs >= 2
    assert len(CHOICES) == 1 + len(choice_input.KEYS)


def test_the_page_names_every_key_and_its_example_reads(tmp_path):
    page = (ROOT / "docs" / "problem_file.md").read_text()
    for key in ("beta", "loss", "prompts", *problem_file.PROMPT_KEYS):
        assert f"| `{key}` |" in page
    path = tmp_path / "page.yaml"
    path.write_text(re.search(r"```yaml\n(beta.*?)```", page, re.S)[1])
    assert problem_file.read(path).names == [["polite", "rude", "silent"]]


@pytest.mark.parametrize(("word", "said"), [("yes", "yes, on or true"), ("no", "no, off or false")])
def test_yes_and_no_get_their_sentence(tmp_path, word, said):
    path = tmp_path / "trap.yaml"
    path.write_text(TEMPLATE.replace("[polite, rude, silent]    #", f"[polite, {word}, silent]    #"))
    with pytest.raises(InputError, match=rf"prompts\[0\].responses has {said}, which YAML reads as a truth value"):
        problem_file.read(path)
    path.write_text(TEMPLATE.replace("- [polite, rude]\n", f"- [polite, {word}]\n"))
    with pytest.raises(InputError, match=rf"preferences\[0\] has {said}.* write it in quotes"):
        problem_file.read(path)
    path.write_text(TEMPLATE.replace("rude", f'"{word}"'))
    assert problem_file.read(path).names[0][1] == word


def test_the_command_gives_both(condeq):
    code, out, _ = condeq("template", "--out", "mine.yaml")
    assert (code, out) == (0, "saved mine.yaml\n")
    assert Path("mine.yaml").read_text(encoding="utf-8") == TEMPLATE == condeq("template")[1]
    code, _, err = condeq("template", "--out", "mine.yaml")
    assert (code, err) == (
        2,
        "condeq: mine.yaml is there already and would be lost: name another place with --out\n",
    )
    assert json.loads(condeq("template", "--schema")[1]) == problem_schema.schema()
    assert condeq("solve", "mine.yaml")[0] == 0


def test_the_schema_knows_the_losses_of_the_catalogue():
    named, _ = problem_schema.schema()["properties"]["loss"]["anyOf"]
    assert set(named["enum"]) == set(losses.names())
