"""None, a text for a list, another kind of object: one sentence from every function of statements and figures."""

import inspect
import re

import pytest

import figures
import proofs_checks
from proofs_checks import Answer, Counterexample, Result, conjecture
from proofs_checks.kernel.relation import relation
from proofs_checks.own_files import of_file
from proofs_checks.quantities import margin_under, β
from tabular import InputError
from tabular.testing import problems

TRUE = relation(β, ">", 0)
WRONG = {
    "a conjecture without instances": (lambda: conjecture("a", None, TRUE), "None says not how it is made"),
    "a claim that is none": (lambda: conjecture("a", problems(), "β > 0"), "'β > 0' is no condition: give relation"),
    "no claim": (lambda: conjecture("a", problems(), None), "None is no condition"),
    "a hypothesis in words": (lambda: conjecture("a", problems(), TRUE, "β > 0"), "given is 'β > 0': give a list"),
    "one hypothesis in words": (lambda: conjecture("a", problems(), TRUE, ["β > 0"]), "'β > 0' is no condition"),
    "no name": (lambda: conjecture(None, problems(), TRUE), "the name is None: give a text"),
    "a name of a folder": (lambda: conjecture("a/b", problems(), TRUE), "the name is 'a/b': give a text without /"),
    "checks that are none": (lambda: conjecture("a", problems(), TRUE, checks=[1]), r"checks is \[1\]: give a Part"),
    "a file that is none": (lambda: of_file(None), "the path is None: name a file"),
    "a loss that is none": (lambda: margin_under(None), "there is no loss named None"),
    "close_names": (lambda: proofs_checks.close_names(None) or proofs_checks.explain(None), "no statement None"),
    "explain": (lambda: proofs_checks.explain(3), "there is no statement 3: there are"),
    "verify": (lambda: proofs_checks.verify("def-3.3"), "names is 'def-3.3': give a list of ids"),
    "one of verify": (lambda: proofs_checks.verify([None]), "there is no statement None"),
    "verify by nobody": (lambda: proofs_checks.verify(["def-3.3"], executor=2), "executor is 2: give one of"),
    "a search by nobody": (lambda: conjecture("a", problems(), TRUE).check("threads"), "executor is 'threads': give"),
    "summary": (lambda: proofs_checks.summary(None), "results is None: give a list of results"),
    "slowest": (lambda: proofs_checks.slowest([1]), r"results is \[1\]: give a list of results"),
    "table_rows": (lambda: proofs_checks.table_rows("x"), "results is 'x': give a list of results"),
    "theorems_markdown": (lambda: proofs_checks.theorems_markdown([1]), "give a list of results"),
    "Result": (lambda: Result.from_dict(None), "no result that to_dict wrote"),
    "Counterexample": (lambda: Counterexample.from_dict([]), "no counterexample that to_dict wrote"),
    "Answer": (lambda: Answer.from_dict(3, None), "no answer that to_dict wrote"),
    "module": (lambda: figures.module(None), "there is no figure named None"),
    "defaults": (lambda: figures.defaults(3), "there is no figure named 3"),
    "takes": (lambda: figures.takes(None, "loss"), "there is no figure named None"),
    "save of nothing": (lambda: figures.save(None, "here"), "there is no figure named None"),
    "save nowhere": (lambda: figures.save("loss_map", None), "the path is None: name a file"),
    "save as nothing": (lambda: figures.save("loss_map", "here", None), "formats is None: give a list"),
    "save as a text": (lambda: figures.save("loss_map", "here", "svg"), "formats is 'svg': give a list"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_sentence(name):
    wrong, sentence = WRONG[name]
    with pytest.raises(InputError, match=sentence):
        wrong()


def test_no_public_function_is_forgotten():
    public = {name for name in proofs_checks.__all__ if inspect.isfunction(getattr(proofs_checks, name))}
    public |= {name for name in figures.__all__ if inspect.isfunction(getattr(figures, name))}
    code = inspect.getsource(inspect.getmodule(test_one_sentence))
    told = {name for name in public if re.search(rf"\b{name}\(", code)}
    assert public - told == {"names", "statements", "write"}  # without an argument, and what takes what save computed
