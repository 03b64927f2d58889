"""The figures of a log: as many panels as it can fill, and in them the numbers of its audit."""

import numpy as np
import pytest

from figures import audited
from tabular.audit import audit
from tabular.logs import PairLog

REFERENCE = {"ref_chosen": [-10.0, -30.0, -20.0, -22.0], "ref_rejected": [-12.0, -20.0, -20.5, -21.0]}
POLICY = {"policy_chosen": [-9.0, -25.0, -18.0, -22.0], "policy_rejected": [-14.0, -22.0, -25.0, -21.0]}


def test_a_log_of_one_policy():
    result = audit(PairLog("here/mine.csv", **REFERENCE, **POLICY), beta=0.1)
    table = audited.compute(result)
    assert table.settings["panels"] == ["plane", "ratios", "thresholds"]
    drawn = audited.draw(table)
    dots = [line for line in drawn.panels["a"].lines if line.get_marker() == "o"]
    outside, inside = (line.get_xydata() for line in dots)
    assert inside.tolist() == [[-10.0, -3.0]]  # it rose, and is still wrong
    assert len(outside) == 3
    passed, short = (line.get_xydata() for line in drawn.panels["c"].lines)
    np.testing.assert_allclose(short[:, 1], result.flip_threshold[result.delta <= 0])
    assert len(passed) + len(short) == 4
    assert "The log mine.csv: 4 pairs, β = 0.1, loss dpo." in audited.caption(table)
    assert f"δ > 0 {100 * result.absolute_accuracy[-1]:.1f} %" in audited.caption(table)


def test_histograms_count_every_pair_at_every_scale():
    result = audit(PairLog("mine", [-1.0, -1e4, -2.0], [-2.0, -1.0, -1.0], [-1.0] * 3, [-1.5] * 3), beta=0.1)
    drawn = audited.draw(audited.compute(result))
    counts = [patch.get_xy()[:, 1].max() for patch in drawn.panels["b"].patches]
    assert len(counts) == 2
    assert counts[1] == 3  # three pairs with one delta


def test_a_reference_alone_has_no_plane():
    table = audited.compute(audit(PairLog("mine", **REFERENCE), beta=0.1))
    assert table.settings["panels"] == ["ratios", "thresholds"]
    assert len(audited.draw(table).panels["a"].patches) == 1
    assert "At the last checkpoint" not in audited.caption(table)


def test_the_course_of_a_real_run(real_data):
    from tabular import logs

    result = audit(logs.load("hh-pythia410m-dpo"))
    drawn = audited.draw(audited.compute(result))
    ends = {line.get_label(): line.get_ydata()[-1] for line in drawn.panels["b"].lines}
    assert ends["in U"] == pytest.approx(100 * result.share_in_u[-1])
    assert ends["certified"] == pytest.approx(100 * result.certified_accuracy[-1])
