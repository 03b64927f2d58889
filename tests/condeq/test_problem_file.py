"""Problem files: the examples are read as written, and every mistake gets one sentence with its place."""

import json

import numpy as np
import pytest
from scipy.special import expit

from condeq import examples, problem_file
from tabular import InputError


def written(tmp_path, content, name="problem.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def one_prompt(**changes):
    prompt = {"reference": [0.5, 0.5], "preferences": [[0, 1]]} | changes
    return {"beta": 1, "prompts": [{key: value for key, value in prompt.items() if value is not None}]}


def test_the_examples():
    pair = problem_file.read(examples.DIRECTORY / "misaligned_pair.yaml")
    assert pair.names == [["helpful", "harmful"]]
    np.testing.assert_allclose(np.exp(pair.problem.log_ref), [[0.1, 0.9]])
    assert pair.problem.reward.tolist() == [[0.5, 0]]
    cycle = problem_file.read(examples.DIRECTORY / "contradictory_labels.json")
    assert cycle.preferences.weight.tolist() == pytest.approx([3, 2, 1, 1, 9, 1])
    assert cycle.preferences.prompt.tolist() == [0, 0, 0, 0, 1, 1]
    assert cycle.problem.reward is None
    assert cycle.problem.present.sum(axis=1).tolist() == [4, 2]
    third = problem_file.read(examples.DIRECTORY / "unlabelled_third.yaml")
    assert third.preferences.n_pairs == 1


def test_population_labels_come_from_the_reward(tmp_path):
    file = problem_file.read(written(tmp_path, one_prompt(reward=[2, 0], preferences="bradley-terry")))
    np.testing.assert_allclose(file.preferences.weight, expit([2, -2]))


def test_responses_are_named_or_counted(tmp_path):
    file = problem_file.read(written(tmp_path, one_prompt(responses=["a", "b"], preferences=[["b", "a"], [0, 1, 2.5]])))
    assert file.preferences.winner.tolist() == [1, 0]
    assert file.preferences.weight.tolist() == pytest.approx([1, 2.5])


REFUSED = {
    "no beta": ({"prompts": []}, "the file has no beta"),
    "list": ([1], "the file must be a mapping with the keys beta, loss, prompts"),
    "no prompts": ({"beta": 1, "prompts": []}, "prompts must be a list with at least one"),
    "unknown key": (one_prompt() | {"betta": 1}, "the file has the unknown key 'betta'"),
    "unknown prompt key": (one_prompt(ref=[1]), r"prompts\[0\] has the unknown key 'ref'"),
    "no reference": (one_prompt(reference=None), r"prompts\[0\] needs either reference or log_reference"),
    "both references": (one_prompt(log_reference=[0, 0]), r"prompts\[0\] needs either reference or log_reference"),
    "row sum": (one_prompt(reference=[0.5, 0.6]), r"prompts\[0\]\.reference: ref row 0 sums to 1.1"),
    "words": (one_prompt(reference=[0.5, "half"]), r"prompts\[0\]\.reference\[1\] is 'half': it must be a number"),
    "true": (one_prompt(reference=[0.5, True]), r"prompts\[0\]\.reference\[1\] is True"),
    "beta": (one_prompt() | {"beta": 0}, "beta is 0.0"),
    "reward length": (one_prompt(reward=[1]), r"prompts\[0\].reward has 1 entries for 2 responses"),
    "reward too long": (one_prompt(reward=[1, 2, 3]), r"prompts\[0\].reward has 3 entries for 2 responses"),
    "beta true": (one_prompt() | {"beta": True}, "beta is True: it must be a number"),
    "beta beyond floats": (one_prompt() | {"beta": 10**400}, "beta is beyond the floating-point numbers"),
    "weight beyond floats": (one_prompt(preferences=[[0, 1, 10**400]]), r"preferences\[0\]\[2\] is 1000.*\.\.\."),
    "integer of 5000 digits": ('{"beta": ' + "1" * 5000 + "}", "the file holds a value that cannot be read"),
    "deep": ("[" * 100_000, "the file is nested too deeply"),
    "all weights 0": (one_prompt(preferences=[[0, 1, 0]]), "every label has weight 0"),
    "no preferences": (one_prompt(preferences=None), r"prompts\[0\] has no preferences"),
    "empty preferences": (one_prompt(preferences=[]), "no prompt has a preference"),
    "pair": (one_prompt(preferences=[[0]]), r"prompts\[0\]\.preferences\[0\] is \[0\]: write \[winner, loser\]"),
    "stranger": (one_prompt(preferences=[[0, 1], [0, "x"]]), r"preferences\[1\] names the response 'x'"),
    "index": (one_prompt(preferences=[[0, 7]]), r"preferences\[0\] names the response 7"),
    "itself": (one_prompt(preferences=[[1, 1]]), r"prompts\[0\]\.preferences\[0\] prefers 1 to itself"),
    "weight": (one_prompt(preferences=[[0, 1, -2]]), r"preferences\[0\]\[2\] is -2: it must be one number"),
    "absent": (one_prompt(reference=[1, 0]), r"preferences\[0\]: label 0: loser 1 .* reference probability 0"),
    "names": (one_prompt(responses=["a", "a"]), r"prompts\[0\]\.responses must be a list of 2 different names"),
    "population": (one_prompt(preferences="bradley-terry"), r"prompts\[0\]\.preferences: this problem has no reward"),
    "one key twice": ('{"beta": 1, "beta": 2, "prompts": []}', "the key 'beta' stands twice in one mapping: keep one"),
    "one key of a prompt twice": (
        '{"beta": 1, "prompts": [{"reference": [1], "reference": [0.5, 0.5], "preferences": []}]}',
        "the key 'reference' stands twice",
    ),
    "weight true": (one_prompt(preferences=[[0, 1, True]]), r"preferences\[0\]\[2\] is True: it must be one number"),
    "no name": (one_prompt(responses=["a", None]), r"prompts\[0\]\.responses must be a list of 2 different names"),
    "a list for a name": (one_prompt(responses=["a", ["b"]]), r"prompts\[0\]\.responses must be a list of 2"),
    "half a character": (one_prompt(responses=["a", "\ud800"]), r"prompts\[0\]\.responses must be a list of 2"),
    "a mapping for a response": (one_prompt(preferences=[[0, {}]]), r"preferences\[0\] names the response \{\}"),
    "long": (one_prompt(preferences=[[0] * 10_000]), r"preferences\[0\] is \[0, 0, 0, 0, 0, 0, \.\.\.\]: write"),
    "some rewards": (
        {"beta": 1, "prompts": [*one_prompt(reward=[1, 2])["prompts"], *one_prompt()["prompts"]]},
        r"prompts\[1\] has no reward, others have",
    ),
    "not json": ('{"beta": 1,\n  oops', "line 2 is not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_get_one_sentence_with_the_place(tmp_path, name):
    content, message = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        problem_file.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_label_of_weight_0_asks_about_a_pair(tmp_path):
    file = problem_file.read(written(tmp_path, one_prompt(preferences=[[0, 1, 2], [1, 0, 0]])))
    assert file.preferences.weight.tolist() == pytest.approx([2, 0])


def test_a_lone_response_has_no_population_labels(tmp_path):
    pair = one_prompt(reward=[1, 0], preferences="bradley-terry")["prompts"]
    lone = one_prompt(reference=[1.0], reward=[1], preferences="bradley-terry")["prompts"]
    assert problem_file.read(written(tmp_path, {"beta": 1, "prompts": pair + lone})).preferences.prompt.tolist() == [
        0,
        0,
    ]


YAML_FAULTS = {
    "one key twice": ("beta: 1\nbeta: 2\n", "the key 'beta' stands twice in one mapping: keep one"),
    "one key of a prompt twice": ("beta: 1\nprompts:\n- {reward: [1], reward: [2]}", "the key 'reward' stands twice"),
    "a number that YAML takes for text": ("beta: 1e-3\nprompts: [{reference: [1], preferences: []}]", "write 1.0e-3"),
    "a control character": ("beta: \x01", "the file is not YAML: unacceptable character"),
    "endless number": (
        "beta: 1\nprompts: [{reference: [0.5, 0.5], preferences: [[0x1" + "0" * 9000 + ", 0]]}]",
        r"preferences\[0\] names the response a number of thousands of digits",
    ),
    "itself inside": ("&a [*a]", "the file must be a mapping"),
    "itself for beta": ("&a {beta: *a, prompts: [{reference: [1], preferences: []}]}", r"beta is \{'beta': .*a number"),
    "no truth value": ("beta: !!bool x", "the file tags a value as what it is not: leave the !! tag out"),
    "no time": ("beta: !!timestamp x", "the file tags a value as what it is not"),
    "nothing": ("", "the file must be a mapping with the keys beta, loss, prompts"),
}


@pytest.mark.parametrize("name", YAML_FAULTS)
def test_faults_of_yaml(tmp_path, name):
    content, message = YAML_FAULTS[name]
    with pytest.raises(InputError, match=message) as caught:
        problem_file.read(written(tmp_path, content, "problem.yaml"))
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_capitals_in_the_ending_are_read(tmp_path):
    path = tmp_path / "problem.JSON"
    path.write_text(json.dumps(one_prompt()), encoding="utf-8-sig")
    assert problem_file.read(path).problem.n_responses == 2


def test_files_that_are_no_problem_files(tmp_path):
    for path, message in [
        (tmp_path / "missing.yaml", "cannot be read: No such file"),
        (written(tmp_path, "x", "problem.txt"), "ending '.txt' is not known"),
        (written(tmp_path, "beta: [1", "problem.yml"), "line 1 is not YAML"),
    ]:
        with pytest.raises(InputError, match=message):
            problem_file.read(path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"beta: \xff")
    with pytest.raises(InputError, match="not UTF-8"):
        problem_file.read(latin)
