"""The list of mutants that change nothing holds no statement that is no more."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTED = json.loads((ROOT / "tests" / "golden" / "equivalents.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", sorted({mutant.split()[0] for mutant in LISTED}))
def test_what_is_listed_is_there(file):
    code = ast.unparse(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    lines = [line.strip().removeprefix("el") for line in code.splitlines()]  # an elif is an if of its own
    for mutant in (mutant for mutant in LISTED if mutant.split()[0] == file):
        changed = mutant.partition(": ")[2]
        assert any(line.startswith(changed) or changed.endswith(f" in {line[:100]}") for line in lines), mutant
