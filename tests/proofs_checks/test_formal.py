"""The proofs for Coq: no hole, the record belongs to the files that stand here, and the kernel says so again."""

import shutil

import pytest

from proofs_checks.formal import check, record
from proofs_checks.registry import statements

FILES = sorted(path.name for path in record.DIRECTORY.iterdir() if path.name.endswith(".v"))


def test_every_claim_belongs_to_a_statement():
    known = statements()
    for entry in record.entries().values():
        assert entry.id in known, entry.id
        assert entry.shown in record.SHOWN, entry.id
        assert entry.scope in record.SCOPES, entry.id
        assert bool(entry.which) is (entry.scope != "full"), entry.id
        assert bool(entry.near) is bool(entry.near_file), entry.id


def test_every_claim_that_is_stated_is_listed():
    assert sorted(record.claims()) == sorted(entry.claim for entry in record.entries().values())


@pytest.mark.parametrize("name", FILES)
def test_files_have_no_hole_and_fit_a_few_screens(name):
    text = (record.DIRECTORY / name).read_text("utf-8")
    assert check.holes(text) == []
    assert text.count("\n") <= 400
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    "hole",
    [
        "Axiom a : False.",
        "Parameters a : False.",
        "Lemma a : False. Proof. admit. Admitted.",
        "Unset  Guard Checking.",
        "(* a (* nested *) comment *) Conjecture a : False.",
    ],
)
def test_holes_are_seen(hole):
    assert check.holes(hole)


def test_words_inside_comments_are_no_holes():
    assert check.holes("(* rests on no Axiom (* nor is it Admitted *) *) Lemma admits : True. Proof. by []. Qed.") == []


def test_the_page_shows_a_claim_as_it_stands(request):
    page = (request.config.rootpath / "docs" / "formal.md").read_text("utf-8")
    shown = page.partition("```coq\n")[2].partition("```")[0]
    assert shown.startswith("Definition thm_3_5_repaired")
    assert shown in (record.DIRECTORY / "claims.v").read_text("utf-8")


def test_the_record_is_of_these_files():
    """A changed proof asks for `make formal`."""
    assert record.stale() == []
    claims = record.record()["claims"]
    assert list(claims) == list(record.entries())
    for entry in record.entries().values():
        claim = claims[entry.id]
        assert (claim["theorem"], claim["shown"], claim["scope"]) == (entry.theorem, entry.shown, entry.scope)
        assert list(claim["near"]) == list(entry.near)
        assert set(claim["axioms"]) <= check.REAL_AXIOMS
        assert bool(claim["interval"]) is entry.interval
        assert {f"{entry.file}.v", f"{entry.claims_file}.v", "definitions.v"} <= set(claim["files"]) <= set(FILES)


def test_a_changed_file_makes_the_record_stale(monkeypatch):
    changed = record.digests() | {"claims.v": "0" * 64, "new.v": "0" * 64}
    monkeypatch.setattr(record, "digests", lambda: changed)
    assert record.stale() == ["claims.v", "new.v"]


def test_printed_claims_are_whole_and_name_what_they_speak_of():
    for entry in record.record()["claims"].values():
        assert entry["statement"].count("(") == entry["statement"].count(")"), entry["claim"]
        assert entry["statement"].split()[0].lstrip("(") in {"forall", "let"}, entry["claim"]


def test_axioms_beyond_the_lists_are_refused(tmp_path):
    printed = "Axioms:\nClassical_Prop.classic : forall P : Prop, P \\/ ~ P\nMine.shortcut\n  : False\n"
    (tmp_path / "a.axioms.out").write_text(printed)
    with pytest.raises(check.Refused, match=r"rests on Mine\.shortcut"):
        check._axioms(tmp_path, "a")


def test_axioms_of_machine_numbers_are_allowed_where_announced(tmp_path):
    printed = "Axioms:\nClassical_Prop.classic : forall P : Prop, P \\/ ~ P\nUint63.add_spec\n  : forall x y, True\n"
    (tmp_path / "a.axioms.out").write_text(printed)
    assert check._axioms(tmp_path, "a", machine=True) == {"Classical_Prop.classic", "Uint63.add_spec"}
    with pytest.raises(check.Refused, match=r"rests on Uint63\.add_spec"):
        check._axioms(tmp_path, "a")


@pytest.fixture(scope="module")
def compiled(compiled_proofs, tmp_path_factory):
    directory = shutil.copytree(compiled_proofs, tmp_path_factory.mktemp("formal") / "formal")
    return directory, check.full(directory, each=False, anew=False)


def test_the_kernel_accepts_everything_again(compiled):
    """The same claims under the same types; together they rest on what is allowed, which full() has seen to."""
    _, found = compiled
    then = record.record()
    assert found["files"] == then["files"]
    printed = found["versions"] == then["versions"]  # another Coq may print the same claim in another way
    for name, claim in found["claims"].items():
        assert set(then["claims"][name]["axioms"]) <= set(claim["axioms"])
        for field in ("theorem", "shown", "files", "interval", *(("statement", "near") if printed else ())):
            assert claim[field] == then["claims"][name][field], (name, field)


def test_the_kernel_refuses_a_theorem_under_another_claim(compiled):
    """A refuted statement listed as proved: the theorem exists, the type is another."""
    directory, _ = compiled
    listed = {"thm-3.5": record.Entry(id="thm-3.5", file="swapped", shown="proved", scope="full")}
    swapped = "From Formal Require Import claims ch2_equivalence.\nDefinition thm_3_5_proved := thm_3_5_refuted.\n"
    (directory / "swapped.v").write_text(swapped)
    check.compile_one(directory, "swapped.v")
    with pytest.raises(check.Refused, match="thm_3_5"):
        check.ask(directory, listed)


def test_a_false_proof_does_not_compile(compiled, tmp_path):
    directory, _ = compiled
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    chapter = (copy / "ch1_rlhf.v").read_text()
    (copy / "ch1_rlhf.v").write_text(chapter.replace("rewrite delta_star //; have := div_pos hr hb.", "", 1))
    with pytest.raises(check.Refused, match="ch1_rlhf"):
        check.compile_one(copy, "ch1_rlhf.v")
