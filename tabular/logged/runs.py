"""A reference and one or more checkpoints, each in files of its own, as one log."""

import os
from collections.abc import Mapping

from tabular.base import checks
from tabular.errors import InputError
from tabular.logged import columns as naming
from tabular.logged import joined
from tabular.logged.readers import read_pairs, read_parts
from tabular.logged.records import PairLog, RunLog

__all__ = ["Path", "read_run"]

Path = str | os.PathLike[str]


def read_run(
    reference: Path,
    policies: Path | Mapping[int, Path],
    beta: float | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    key: str | None = None,
    skip_invalid: bool = False,
) -> RunLog | PairLog:
    """A reference's pairs beside those of the policy, or of the policy at several steps.

    Args:
        reference: what :func:`read_pairs` reads; a policy's columns in it are left aside.
        policies: a path, which gives a :class:`PairLog`, or ``{step: path}``, which gives a :class:`RunLog` with the
            reference at step 0; a file for step 0 itself, a pass of the policy before its first update, is a control
            of the reference and no checkpoint (``start_chosen`` of its ``base``). Their files hold the policy's
            log-probabilities under its own names, or under the reference's, which is what a second pass with the
            trained model as reference model writes.
        beta: of the run; needed for a RunLog.
        key: the column that names a pair in all files; by default one of pair_id, id, index, pair, uuid, prompt_id,
            and where there is none the position, if that is safe.

    Raises:
        InputError: as :func:`read_pairs`; files that cannot be joined safely; a step below 0.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before, after = pathlib.Path(folder, "before.csv"), pathlib.Path(folder, "after.csv")
    ...     _ = before.write_text("id,ref_chosen_logps,ref_rejected_logps\\na,-9,-7.5\\nb,-4,-5\\n")
    ...     _ = after.write_text("id,ref_chosen_logps,ref_rejected_logps\\nb,-3,-6\\na,-8,-8.5\\n")
    ...     read_run(before, after).delta.tolist()
    [0.5, 3.0]
    """
    renamed = naming.checked_renaming(columns)
    of_reference = {array: name for array, name in renamed.items() if not array.startswith("policy")}
    of_policy = {array: name for array, name in renamed.items() if array.startswith("policy")}
    log = read_pairs(reference, of_reference, skip_invalid=skip_invalid)
    bare = read_parts(reference, of_reference, skip_invalid=skip_invalid)
    if not isinstance(policies, dict):
        return _with(log, bare, policies, of_policy, key, skip_invalid)
    if not policies:
        raise InputError("policies is empty: give at least one checkpoint, such as {1000: 'after.parquet'}")
    for step in policies:
        checks.whole_number(step, "the step of a policy", least=0)
    read = {step: _with(log, bare, path, of_policy, key, skip_invalid) for step, path in policies.items()}
    return joined.as_run(log, read, checks.number(beta, "beta"))


def _with(log, reference, path, renamed, key, skip_invalid):
    policy = read_parts(path, renamed, role="policy", skip_invalid=skip_invalid)
    return joined.with_policy(log, joined.matched(reference, policy, key), policy)
