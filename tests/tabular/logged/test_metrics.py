"""The batch means of every trainer, under its own names, and what is none of them."""

import json

import numpy as np
import pytest

from tabular import InputError, logs

TRL = {"loss": 0.6, "rewards/chosen": 0.1, "rewards/rejected": -0.1, "rewards/accuracies": 0.75, "rewards/margins": 0.2}
LOGPS = {"logps/chosen": -90.0, "logps/rejected": -80.0}


def state(path, rows):
    path.write_text(json.dumps({"epoch": 1, "log_history": rows}, indent=2))


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))


CASES = {
    "TRL, or a trainer built on it": (state, [{"step": 10, **TRL, **LOGPS}, {"step": 20, "train_runtime": 3.5}]),
    "TRL 0.29 on": (state, [{"step": 10, "num_tokens": 5, **TRL, **LOGPS}]),
    "LLaMA-Factory, trainer_log.jsonl": (lines, [{"current_steps": 10, "loss": 0.6, "accuracy": 0.75}]),
    "ms-swift, logging.jsonl": (lines, [{"global_step/max_steps": "10/500", **TRL}]),
    "open-instruct": (lines, [{"step": 10, "rewards/margin": 0.2, "rewards/accuracy": 0.75, "rewards/chosen": 0.1}]),
    "torchtune": (lines, [{"step": 10, "rewards/margins": 0.2, "log_probs/chosen": -90.0, "rewards/accuracies": 0.75}]),
    "OpenRLHF": (lines, [{"step": 10, "acc": 0.75, "chosen_reward": 0.1, "reject_reward": -0.1}]),
    "eric-mitchell's direct-preference-optimization": (
        lines,
        [{"step": 10, "rewards_train/margins": 0.2, "rewards_train/accuracies": 0.75, "loss/train": 0.6}],
    ),
}


@pytest.mark.parametrize("trainer", CASES)
def test_each_trainers_names(tmp_path, trainer):
    write, rows = CASES[trainer]
    write(tmp_path / "log", rows)
    log = logs.read_metrics(tmp_path / "log")
    assert log.trainer == trainer
    assert log.step.tolist() == [10]
    expected = {"accuracy": 0.75, "margin": 0.2, "loss": 0.6, "reward_chosen": 0.1, "chosen": -90.0}
    for name, value in expected.items():
        assert np.isnan(log.values[name][0]) or log.values[name].tolist() == [value], name
    assert log.accuracy.tolist() == [0.75]


@pytest.mark.parametrize("step", ["step", "Step", "global_step", "current_steps", "_step", "trainer/global_step"])
def test_steps_by_any_name(tmp_path, step):
    """Of TRL, of dashboards' tables and of their histories, of LLaMA-Factory and OpenRLHF."""
    lines(tmp_path / "log", [{step: 10 * k, **TRL} for k in (1, 2)])
    assert logs.read_metrics(tmp_path / "log").step.tolist() == [10, 20]


def test_evaluations_are_kept_apart_and_merged_by_step(tmp_path):
    rows = [
        {"step": 10, "loss": 0.6, "rewards/margins": 0.2},
        {"step": 10, "eval_loss": 0.7, "eval_rewards/margins": 0.1},
    ]
    state(tmp_path / "s", [*rows, {"step": 5, "loss": 0.69, "rewards/margins": 0.0}])
    train, evaluation = (logs.read_metrics(tmp_path / "s", flag) for flag in (False, True))
    assert (train.step.tolist(), train.loss.tolist(), train.margin.tolist()) == ([5, 10], [0.69, 0.6], [0, 0.2])
    assert (evaluation.step.tolist(), evaluation.loss.tolist(), evaluation.margin.tolist()) == ([10], [0.7], [0.1])


@pytest.mark.parametrize("trainer", CASES)
def test_batch_means_are_told_from_pairs(tmp_path, trainer):
    write, rows = CASES[trainer]
    write(tmp_path / "log", rows)
    assert logs.is_metrics(tmp_path / "log")
    for content in ("{}", '{\n"a": 1\n}', "", "step,loss\n1,2\n", "a,b\n", '{"ref_chosen_logps": -1}\n{', "[]", "[1]"):
        (tmp_path / "other").write_text(content)
        assert not logs.is_metrics(tmp_path / "other")
    (tmp_path / "other").write_text('{"step": 1, "rewards/margins": 0.5}\nbroken\n')
    assert not logs.is_metrics(tmp_path / "missing")


def test_an_export_of_a_dashboard(tmp_path):
    head = '"Step","my run - train/rewards/margins","my run - train/rewards/margins__MIN","my run - train/loss"\n'
    (tmp_path / "wandb.csv").write_text(head + '"1","0.2","0.1","0.69"\n"2","0.4","","0.5"\n')
    log = logs.read_metrics(tmp_path / "wandb.csv")
    assert (log.margin.tolist(), log.loss.tolist()) == ([0.2, 0.4], [0.69, 0.5])


def test_of_many_columns_a_dozen_are_named(tmp_path):
    (tmp_path / "log.csv").write_text("a,b,c,d,e,f,g,h,i,j,k,l,m,n\n" + ",".join("1" * 14) + "\n")
    with pytest.raises(InputError, match=r"found a, b, c, d, e, f, g, h, i, j, k, l$"):
        logs.read_metrics(tmp_path / "log.csv")


def test_what_is_refused(tmp_path):
    for content, expected in [
        ("{}", "holds no batch means of preference training: found nothing"),
        ('{\n"a": 1\n}', "has no log_history: give a trainer_state.json"),
        ('{"step": 1, "loss": 0.5}', "holds no batch means of preference training: found step, loss"),
        ('{"step": null, "rewards/margins": 0.5}', "has the names of batch means and no number under them"),
        ('{"step": NaN, "rewards/margins": 0.5}', "has the names of batch means and no number under them"),
        ('{"step": 1, "rewards/accuracies": 75}', "accuracy[0] is 75.0: it is a share, from 0 to 1"),
        ("a,b\n1,2\n", "holds no batch means of preference training: found a, b"),
    ]:
        (tmp_path / "log").write_text(content)
        with pytest.raises(InputError) as raised:
            logs.read_metrics(tmp_path / "log")
        assert expected in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="increasing numbers"):
        logs.MetricLog("x", "y", [2, 1], {})
    with pytest.raises(InputError, match=r"step\[1\] is nan: it must be finite"):
        logs.MetricLog("x", "y", [2, np.nan], {})
    logs.MetricLog("x", "y", [1, 2], {"accuracy": [np.nan, 1 + 1e-7]})
