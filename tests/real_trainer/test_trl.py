"""TRL itself, in an environment of its own: what it leaves is read, recognised, and agrees with sums in float64.

``CONDEQ_REAL_TRAINER`` names the Python of an environment with torch and TRL 1.6 or newer, ``CONDEQ_OLD_TRAINER`` one
of TRL 0.12-0.28; ``.ci/run`` makes both.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tabular import logs
from tabular.audit import audit
from tabular.auditing.courses import course
from tabular.logs import PairLog

SCRIPT = Path(__file__).with_name("train.py")
ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "audit.md"
BETA = 0.1


def left_by(directory, dtype, variable="CONDEQ_REAL_TRAINER"):
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"no environment with torch and TRL: set {variable} to its Python, as .ci/run does")
    done = subprocess.run([python, SCRIPT, directory, dtype], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return directory


def test_the_guide_has_one_recipe_and_the_readme_names_the_guide():
    """``train.py`` runs it as it stands; there is no second text of it that could differ."""
    code = GUIDE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    compile(code, str(GUIDE), "exec")
    assert "precompute_ref_log_probs" in code
    assert "(docs/audit.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    others = [path for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")) if path != GUIDE]
    assert not [path.name for path in others if "DPOTrainer(" in path.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return left_by(tmp_path_factory.mktemp("run"), "float32")


def truth(run):
    found = json.loads((run / "truth.json").read_text())
    sides = [found[who][side] for who in ("reference", "policy") if who in found for side in ("chosen", "rejected")]
    return PairLog("float64", *sides)


def test_the_cache_is_recognised_and_holds_the_sums(run):
    log, true = logs.read_pairs(run / "before.arrow"), truth(run)
    assert "TRL 1.6 on" in str(log.origin)
    np.testing.assert_allclose(log.ref_chosen, true.ref_chosen, atol=1e-3)
    np.testing.assert_allclose(log.ref_rejected, true.ref_rejected, atol=1e-3)


def test_two_passes_are_audited_as_float64_is(run):
    log, true = logs.read_run(run / "before.arrow", run / "after.arrow"), truth(run)
    found, expected = audit(log, BETA), audit(true, BETA)
    np.testing.assert_allclose(log.delta, true.delta, atol=2e-3)
    assert np.abs(true.delta).min() > 0.01  # no sign hangs on the precision
    assert np.abs(true.delta_ref).min() > 0.01
    for name in ("absolute_accuracy", "relative_accuracy", "share_in_u", "share_chosen_fell"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    np.testing.assert_allclose(found.loss, expected.loss, atol=1e-4)
    assert found.relative_accuracy[-1] > 0.9  # it has learnt its pairs
    assert "bfloat16" not in [doubt.name for doubt in found.doubts]


def test_the_data_sets_that_the_guides_lines_save_are_the_same_pairs(run):
    """What docs/audit.md tells to save; joined by position, which the prompts confirm."""
    log = logs.read_run(run / "before.parquet", run / "after.parquet")
    caches = logs.read_run(run / "before.arrow", run / "after.arrow")
    np.testing.assert_allclose(log.delta, caches.delta, atol=1e-3)  # batches of another size round otherwise
    np.testing.assert_allclose(log.delta_ref, caches.delta_ref, atol=1e-3)
    assert "TRL 0.29 on, saved data set" in str(log.origin)
    assert log.n_chosen.min() >= 8
    assert log.joined == "by position, confirmed by the column prompt"


def test_the_command_of_the_guide_audits_them(run):
    command = GUIDE.read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=run,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "before.parquet: 24 pairs, beta 0.1" in done.stdout
    assert "doubt" not in done.stdout


def test_the_trainers_own_log_agrees_with_the_pairs(run):
    metrics, reference = logs.read_metrics(run / "trainer_state.json"), logs.read_pairs(run / "before.arrow")
    assert metrics.trainer == "TRL 0.29 on"
    found = course(metrics, BETA, reference)
    assert found.doubts == ()
    assert metrics.step[0] == 1
    assert abs(metrics.margin[0]) < 1e-3  # before the first update
    assert metrics.loss[0] == pytest.approx(np.log(2), abs=1e-3)
    assert found.delta_ref[0] == pytest.approx(reference.delta_ref.mean())  # step 0 is the reference itself
    epoch = slice(1, 7)  # one pass over the pairs: the mean of its batches is the mean of all
    assert np.mean(found.delta_ref[epoch]) == pytest.approx(reference.delta_ref.mean(), abs=0.02)


def test_a_reference_in_bfloat16_is_doubted(tmp_path):
    log = logs.read_pairs(left_by(tmp_path, "bfloat16") / "before.arrow")
    true = truth(tmp_path)
    found = audit(log, BETA)
    assert "bfloat16" in [doubt.name for doubt in found.doubts]
    assert np.abs(log.ref_chosen - true.ref_chosen).max() > 0.05  # it is as wrong as the doubt says


def test_an_older_version_keeps_the_columns_in_its_data_set(tmp_path):
    left_by(tmp_path, "float32", "CONDEQ_OLD_TRAINER")
    assert not (tmp_path / "before.arrow").exists()
    log, true = logs.read_run(tmp_path / "before.parquet", tmp_path / "after.parquet"), truth(tmp_path)
    assert "TRL 0.12-0.28" in str(log.origin)
    np.testing.assert_allclose(log.ref_chosen, true.ref_chosen, atol=1e-3)
    np.testing.assert_allclose(log.delta, true.delta, atol=2e-3)
    found = course(logs.read_metrics(tmp_path / "trainer_state.json"), BETA, log)
    assert "TRL" in found.metrics.trainer
    assert found.doubts == ()
