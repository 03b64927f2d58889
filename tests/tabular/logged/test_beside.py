"""Columns beside the log-probabilities: conversations, lists, mixed and missing entries, the same in every form."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tabular import InputError, logs
from tabular.audit import audit
from tabular.auditing.groups import groups, prompts
from tabular.auditing.worst import keys_of, pairs_of
from tabular.logged.beside import shown, texts

ROWS = [
    {
        "ref_chosen_logps": -9.0 - i,
        "ref_rejected_logps": -8.0 - i,
        "prompt": [{"role": "user", "content": f"question {i // 2}"}],
        "chosen": [{"role": "assistant", "content": f"answer {i}"}],
        "source": ["a", "b"][: 1 + i % 2],
        "id": i,
    }
    for i in range(6)
]


def written(path, form, rows=ROWS):
    if form == "lines":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif form == "array":
        path.write_text(json.dumps(rows))
    else:
        getattr(pl.DataFrame(rows), f"write_{form}")(path)
    return path


@pytest.mark.parametrize("form", ["lines", "array", "parquet", "ipc"])
def test_a_conversation_is_a_prompt_in_every_form(tmp_path, form):
    log = logs.read_pairs(written(tmp_path / "log", form))
    assert np.unique(prompts(log), return_inverse=True)[1].tolist().count(0) == 2
    assert len(set(prompts(log).tolist())) == 3
    assert audit(log, 0.1).summary()["intervals"]["absolute_accuracy"][0] == 0
    assert [(row["group"], row["n"]) for row in groups(log, "source")] == [('["a", "b"]', 3), ('["a"]', 3)]
    worst = pairs_of(log, "worst", 1)[0]
    assert (worst["prompt"], worst["chosen"], worst["source"]) == ("question 0", "answer 0", '["a"]')
    assert [str(one) for one in keys_of(log)["id"]] == list("012345")
    assert audit(logs.scan(tmp_path / "log"), 0.1).n_pairs == 6


@pytest.mark.parametrize("form", ["lines", "array"])
def test_kinds_that_change_late_are_texts(tmp_path, form):
    """After the first thousand rows, from which an engine would guess."""
    rows = [{**ROWS[0], "source": 1, "prompt": i} for i in range(1100)]
    rows += [{**ROWS[0], "source": "one", "prompt": {"text": "why"}}, {**ROWS[1], "source": None}]
    del rows[-1]["prompt"]
    log = logs.read_pairs(written(tmp_path / "log", form, rows))
    assert [(row["group"], row["n"]) for row in groups(log, "source")] == [("(none)", 1), ("1", 1100), ("one", 1)]
    assert len(set(prompts(log).tolist())) == 1102
    assert pairs_of(log, "worst", 2000)[1100]["prompt"] == '{"text": "why"}'


def test_what_is_not_there_is_nothing_where_lines_are_read_one_by_one(tmp_path):
    rows = [{**ROWS[0], "ref_chosen_logps": "-9"}, {key: ROWS[1][key] for key in list(ROWS[1])[:3]}]
    log = logs.read_pairs(written(tmp_path / "log", "lines", rows))
    assert log.frame.collect()["source"].to_list() == ['["a"]', None]
    assert [row["group"] for row in groups(log, "source")] == ["(none)", '["a"]']
    odd = [{**ROWS[0], "source": source} for source in ("", "\0", "\0a", "a", "a\0")]
    log = logs.read_pairs(written(tmp_path / "log", "lines", odd))
    assert [(row["group"], row["n"]) for row in groups(log, "source")] == [(row["source"], 1) for row in odd]


def test_the_same_value_is_the_same_text_in_every_form(tmp_path):
    """A typed table fills an object with the empty entries that its neighbours have."""
    rows = [dict(row) for row in ROWS]
    rows[3]["prompt"] = [{"content": "why", "role": "user", "name": "é"}]
    found = [
        texts(logs.read_pairs(written(tmp_path / form, form, rows)).frame, "prompt")
        for form in ("lines", "array", "parquet")
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][0] == '[{"content": "question 0", "role": "user"}]'
    assert len(set(found[0])) == 4


def test_a_text_that_holds_no_list_or_object_stays_as_it_is():
    """Numbers in quotes, what begins like a list, and a list of lists so deep that no reader goes there."""
    odd = ["1e5", '"a"', "[", "[" * 100_000, 700 * "[" + 700 * "]", None]
    assert texts(pl.LazyFrame({"it": odd}), "it") == odd
    assert texts(pl.LazyFrame({"it": ['{"b": 1, "a": "é"}']}), "it") == ['{"a": "é", "b": 1}']


def test_half_a_character_is_a_question_mark_where_lines_are_read_one_by_one(tmp_path):
    log = logs.read_pairs(written(tmp_path / "log", "lines", [{**ROWS[0], "ref_chosen_logps": "-9", "id": "\ud800"}]))
    assert [row["group"] for row in groups(log, "id")] == ["?"]


def test_columns_of_other_types_are_texts():
    day, hour = date(2020, 2, 29), timedelta(hours=1)
    told = {"\\xff": b"\xff", "a": b"a", None: None}, {"1:00:00": hour, None: None}, {"2020-02-29": day, None: None}
    for texts_of in told:
        assert texts(pl.LazyFrame({"it": [*texts_of.values()]}), "it") == [*texts_of]
        assert [shown(value) for value in texts_of.values()] == [*texts_of]
    assert texts(pl.LazyFrame({"it": [[day], None]}), "it") == ['["2020-02-29"]', None]


def test_what_is_no_conversation_is_shown_as_it_is():
    assert shown("[]") == "[]"
    assert repr([shown(value) for value in (0.5, [], {"a": None})]) == "[0.5, '[]', '{}']"


def test_files_of_two_forms_are_joined_by_their_conversations(tmp_path):
    rows = [{key: value for key, value in row.items() if key != "id"} for row in ROWS]
    rows[3] = {**rows[3], "prompt": [{"content": "why", "role": "user", "name": "é"}]}
    reference, policy = written(tmp_path / "r", "parquet", rows), written(tmp_path / "p", "lines", rows)
    assert logs.read_run(reference, policy).joined == "by position, confirmed by the column prompt"
    rows[3]["prompt"][0].pop("name")
    with pytest.raises(InputError, match="row 4 has another prompt"):
        logs.read_run(reference, written(policy, "lines", rows))


def test_completions_are_paired_from_lines_as_from_a_table(tmp_path):
    rows = [
        {"prompt": [{"content": f"q{i // 2}"}], "label": i % 2 == 0, "ref_logps": -5.0 - i, "logps": -4.0 - 2 * i}
        for i in range(6)
    ]
    found = [logs.read_pairs(written(tmp_path / form, form, rows)) for form in ("lines", "array", "parquet")]
    for log in found:
        assert log.delta_ref.tolist() == [1.0, 1.0, 1.0]
        assert log.delta.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("form", "ids"), [("lines", "ids"), ("lines", "input_ids"), ("array", "input_ids"), ("parquet", "input_ids")]
)
def test_tokens_are_counted_in_every_form(tmp_path, form, ids):
    rows = [
        {**ROWS[i], f"chosen_{ids}": [7] * (5 + i), f"rejected_{ids}": [7] * 4, f"prompt_{ids}": [1, 2]}
        for i in range(3)
    ]
    log = logs.read_pairs(written(tmp_path / "log", form, rows))
    assert (log.n_chosen.tolist(), log.n_rejected.tolist()) == ([5, 6, 7], [4, 4, 4])
    if form != "parquet":  # one by one, for a number in quotes
        quoted = [{**rows[0], "ref_chosen_logps": "-9"}, *rows[1:]]
        assert logs.read_pairs(written(tmp_path / "q", form, quoted)).n_chosen.tolist() == [5, 6, 7]
    found = [audit(one, 0.1, "simpo", gamma=0.5) for one in (log, logs.scan(tmp_path / "log"))]
    assert found[0].loss[-1] == pytest.approx(found[1].loss[-1], rel=1e-12)


@pytest.mark.parametrize("separator", [",", "\t"])
def test_blanks_around_names_are_no_part_of_them(tmp_path, separator):
    head = separator.join(["ref_chosen_logps ", " ref_rejected_logps"])
    (tmp_path / "log").write_text(f"\n{head}\r\n-9{separator}-7.5\n-4{separator}-5\n")
    assert logs.read_pairs(tmp_path / "log").delta_ref.tolist() == [-1.5, 1.0]
    assert audit(logs.scan(tmp_path / "log"), 0.1).share_pessimistic == 0.5


def test_ids_beside_no_prompts_are_those_of_whole_sequences(tmp_path):
    """Lists that hold the prompt, too, tell no length of a completion."""
    rows = [{**ROWS[0], "chosen_ids": [7] * 5, "rejected_ids": [7] * 4}]
    assert logs.read_pairs(written(tmp_path / "log", "lines", rows)).n_chosen is None
