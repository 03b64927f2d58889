"""Certificates: Coq accepts what is right, and refuses it with one digit changed."""

import re
import shutil

import pytest

from condeq import certificate, examples, problem_file
from condeq.certificate_problem import exact, prompts
from proofs_checks.formal import check
from tabular import InputError

#: Six responses and twelve labels: a block of three, labels that leave it, a contradicted pair and a reward.
LARGE = """
beta: 0.3
prompts:
  - responses: [a, b, c, d, e, f]
    reference: [0.05, 0.1, 0.15, 0.2, 0.2, 0.3]
    reward: [1.2, 0.4, -0.3, 0, 0.7, -1]
    preferences: [[a, b, 3], [b, c, 2], [c, a], [a, d], [b, d], [c, e, 2], [a, e], [d, f], [e, f], [f, e, 0.5], [a, f],
      [b, f, 4]]
"""
EXTREME = """
beta: 0.001
prompts:
  - log_reference: [-60.5, -0.5, -0.9327521295671886]
    reward: [0.5, 0, -0.25]
    preferences: bradley-terry
"""


#: A label of weight 0 against the others, which constrains nothing; and cycles that a negative margin leaves room in.
SLACK = """
beta: 2
prompts:
  - reference: [0.7, 0.2, 0.1]
    reward: [0, 1, 2]
    preferences: [[2, 1], [1, 2, 0.5], [1, 0], [0, 2, 0]]
"""


def written(path, text):
    path.write_text(text)
    return problem_file.read(path)


@pytest.fixture(scope="module")
def library(compiled_proofs, tmp_path_factory):
    """The proofs that certificates rest on, in a directory of these tests."""
    return shutil.copytree(compiled_proofs, tmp_path_factory.mktemp("certificates") / "formal")


def accepted(library, text):
    (library / "tried.v").write_text(text)
    try:
        check.compile_one(library, "tried.v")
    except check.Refused:
        return False
    finally:
        for path in library.glob("*tried.*"):
            path.unlink()
    return True


READ = {name: problem_file.read(examples.DIRECTORY / name) for name in examples.PROBLEMS}
LABELLED = [name for name, source in READ.items() if "preferences" in source.written[0]]


@pytest.mark.parametrize("name", sorted(set(examples.PROBLEMS) - set(LABELLED)))
def test_rankings_and_votes_are_refused_in_one_sentence(name):
    with pytest.raises(InputError, match=r"prompts\[0\] has no preferences: certificates are of labels"):
        certificate.certificate(READ[name], "votes.v")


@pytest.mark.parametrize("name", LABELLED)
def test_coq_accepts_the_certificates_of_the_examples(library, name):
    text = certificate.certificate(READ[name], "tried.v")
    assert check.holes(text) == []
    assert accepted(library, text)


@pytest.mark.parametrize(("text", "margin"), [(LARGE, 0.0), (EXTREME, 0.0), (SLACK, 0.0), (SLACK, -0.5)])
def test_coq_accepts_larger_and_more_extreme_problems(library, tmp_path, text, margin):
    assert accepted(library, certificate.certificate(written(tmp_path / "p.yaml", text), "tried.v", margin))


def test_coq_accepts_a_margin(library):
    text = certificate.certificate(READ["misaligned_pair.yaml"], "tried.v", margin=0.7)
    assert "Definition margin := 7 / 10." in text
    assert accepted(library, text)


#: (the theorem, what to find in it, what to put there): each makes one statement or one witness wrong.
SPOILT = {
    "the optimum": (
        "Definition optimum",
        r"(\d{6,}) /",
        lambda digits: digits[:5] + str(9 - int(digits[5])) + digits[6:],
    ),
    "its value": ("Theorem rlhf_optimum", r"beta <= (\d{6,})", lambda digits: digits[:3] + "0" + digits[4:]),
    "the infimum": ("Theorem dpo_infimum", r"<= v <= (\d{6,})", lambda digits: "-" + digits),
    "the scores": ("Theorem loss_falls", r"\(s := \[:: (\S+)", lambda score: "-" + score.removeprefix("-")),
    "the policy": (
        "Definition constrained",
        r"(\d{6,}) /",
        lambda digits: digits[:4] + str(9 - int(digits[4])) + digits[5:],
    ),
    "the gap": ("Definition gap", r":= (\d+)", lambda digits: "-" + digits),
}


def spoilt(text, theorem, pattern, change):
    start = text.index(theorem)
    match = re.compile(pattern).search(text, start)
    return text[: match.start(1)] + change(match[1]) + text[match.end(1) :]


@pytest.mark.parametrize("what", SPOILT)
def test_one_wrong_digit_is_refused(library, what):
    text = certificate.certificate(READ["unlabelled_third.yaml"], "tried.v")
    wrong = spoilt(text, *SPOILT[what])
    assert sum(a != b for a, b in zip(text.split(), wrong.split(), strict=True)) == 1
    assert not accepted(library, wrong)


def test_the_problem_is_written_as_in_the_file(tmp_path):
    """No logarithm has rounded it, and weights are shares of the whole file."""
    (only,) = prompts(written(tmp_path / "p.yaml", LARGE))
    assert only.written[:2] == ["1 / 20", "1 / 10"]
    assert only.beta == exact(0.3)
    assert sum(share for *_, share in only.labels) == 1
    assert only.labels[-1][2] == exact(4) / exact(18.5)
    (extreme,) = prompts(written(tmp_path / "q.yaml", EXTREME))
    assert extreme.written[0] == "exp (-121 / 2)"


def test_labels_of_weight_0_and_prompts_without_labels_are_left_out(tmp_path):
    text = """
beta: 1
prompts:
  - {reference: [0.5, 0.5], preferences: [[0, 1, 0]]}
  - {reference: [0.25, 0.75], preferences: [[1, 0, 2], [0, 1, 0]]}
"""
    (only,) = prompts(written(tmp_path / "p.yaml", text))
    assert (only.index, len(only.labels)) == (1, 1)


def test_a_response_without_mass_is_refused(tmp_path):
    source = written(tmp_path / "p.yaml", "beta: 1\nprompts:\n  - {reference: [0.5, 0.5, 0], preferences: [[0, 1]]}")
    with pytest.raises(InputError, match=r"prompts\[0\] gives 2 the reference probability 0"):
        certificate.certificate(source, "tried.v")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("bradley-terry", "a Bradley-Terry rate is below the floating-point numbers"),
        ("[[1, 0, 1.0e-300], [0, 1, 1.0e+300]]", "what balances them is below the floating-point numbers"),
        ("[[0, 1, 1.0e+300], [1, 0, 1.0e-300]]", None),
    ],
)
def test_what_balances_labels_is_written_out_or_the_file_refused(tmp_path, labels, said):
    """A flow of 0 would be written as a proof that the minimum is attained, which none is."""
    path = tmp_path / "far.yaml"
    path.write_text(f"beta: 1\nprompts: [{{reference: [0.5, 0.5], reward: [0, 5290], preferences: {labels}}}]\n")
    if said is None:
        text = certificate.certificate(problem_file.read(path), "far.v")
        assert "Theorem dpo_attained" in text
        assert "Some (0)" not in text
    else:
        with pytest.raises(InputError, match=said):
            certificate.certificate(problem_file.read(path), "far.v")


def test_a_margin_needs_a_reward():
    with pytest.raises(InputError, match="margin is 1"):
        certificate.certificate(READ["contradictory_labels.json"], "tried.v", margin=1.0)


def test_the_command_saves_the_file(condeq, tmp_path):
    out = tmp_path / "mine.v"
    code, _, err = condeq("certify", "misaligned_pair", "--out", out)
    assert code == 0, err
    assert out.read_text() == certificate.certificate(READ["misaligned_pair.yaml"], "mine.v")
