"""Statements of an outside package, found through its entry point as an installed distribution has it."""

import sys

import pytest

from proofs_checks import registry
from tabular import InputError

MODULE = """
import dataclasses

from proofs_checks.yang_2026.definition_3_3 import STATEMENTS as OURS

STATEMENTS = (dataclasses.replace(OURS[0], id={name!r}),)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution whose module holds one statement under the id given."""

    def install(name, module=MODULE):
        (tmp_path / "outside_statements.py").write_text(module.format(name=name), encoding="utf-8")
        facts = tmp_path / "outside-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n", encoding="utf-8")
        (facts / "entry_points.txt").write_text("[condeq.statements]\nmine = outside_statements\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("outside_statements", None)


def test_they_are_verified_like_ours(package):
    package("outside-claim")
    (result,) = registry.verify(["outside-claim"])
    assert (result.verdict.value, result.file) == ("PROVED", "outside_statements/mine")
    assert registry.of_source("mine") == ["outside-claim"]


def test_an_id_of_ours_is_not_taken(package):
    package("def-3.3")
    with pytest.raises(InputError, match="and again in outside_statements/mine"):
        registry.statements()


def test_a_module_that_cannot_be_read_is_said(package):
    package("broken", "import nowhere_to_be_found")
    with pytest.raises(InputError, match=r"the plugin mine of outside 1.0 .* cannot be used: ModuleNotFoundError"):
        registry.statements()
