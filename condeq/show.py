"""The plain dictionaries of the toolkit as tables for a terminal; options of the command line as values."""

import json

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from condeq import choice_answer
from tabular import InputError
from tabular.base import checks

__all__ = ["catalogue", "failures", "listed", "parsed_columns", "parsed_settings", "plain", "remedies", "solution"]


def parsed_settings(pairs):
    """``KEY=VALUE`` options as keyword arguments; numbers and lists are read as JSON, the rest is text.

    >>> parsed_settings(["beta=0.2", "seeds=[0, 1]", "style=dense"])
    {'beta': 0.2, 'seeds': [0, 1], 'style': 'dense'}
    """
    settings = checks.distinct_keys([_split(pair, "--set", "beta=0.2") for pair in pairs])
    return {key: _value(text) for key, text in settings.items()}


def parsed_columns(pairs):
    """``NAME=COLUMN`` options as a mapping, or None where there are none.

    >>> parsed_columns(["ref_chosen=my_logp"])
    {'ref_chosen': 'my_logp'}
    """
    return checks.distinct_keys([_split(pair, "--column", "ref_chosen=my_logp") for pair in pairs]) or None


def _split(pair, option, example):
    key, equals, value = pair.partition("=")
    if not (key and equals and value):
        raise InputError(f"{option} {pair!r} is not of the form NAME=VALUE: write {option} {example}")
    return key, value


def _value(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def plain(first, *others) -> Table:
    """An empty table with a column of words and columns of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


_POLICIES = {"reference": "reference", "rlhf": "RLHF optimum", "dpo": "DPO", "cpo": "constrained"}


def solution(answer):
    """The policies of every prompt side by side, and what is known of them."""
    for index, prompt in enumerate(answer["prompts"]):
        titles = _POLICIES | {"loss": answer.get("loss", "").partition("(")[0]}
        shown = [name for name in titles if name in prompt["probabilities"]]
        table = plain(f"prompt {index}", *(titles[name] for name in shown))
        for y, response in enumerate(prompt["responses"]):
            table.add_row(response, *(_probability(prompt["probabilities"][name][y]) for name in shown))
        inverted = (len(prompt["inverted"][name]) for name in shown)
        table.add_row("inverted labels", *map(str, inverted), style="dim")
        yield table
        yield Text(f"DPO: {prompt['dpo_status']}, {prompt['dpo_meaning']}.")
        if len(prompt["dpo_vertices"]) > 1:
            ends = (_mass(prompt["responses"], vertex) for vertex in prompt["dpo_vertices"])
            yield Text(f"All of DPO's limits are the mixtures of {' and '.join(ends)}.")
        if "loss_status" in prompt:
            yield Text(f"{answer['loss']}: {prompt['loss_status']}, {prompt['loss_meaning']}.")
        if prompt.get("price") is not None:
            yield Text(f"Price of the constraint: {prompt['price']:.6g} in units of reward.")
        if "cycle" in prompt:
            yield Text(f"Contradictory constraints force responses to 0: {' over '.join(prompt['cycle'])}.")
        if "choice" in prompt:
            yield from choice_answer.show(prompt["choice"], prompt["responses"])
    yield Text(
        f"Infimum of the DPO loss: {answer['dpo_infimum']:.10g} nats. Its limits, over all prompts, have dimension "
        f"{answer['dpo_dimension']}."
    )
    if "loss" in answer:
        infimum = answer["loss_infimum"]
        told = infimum if isinstance(infimum, str) else f"{infimum:.10g}"
        yield Text(f"Infimum of {answer['loss']}: {told} nats, {answer['loss_status']}.")


def catalogue(rows):
    """The catalogue of losses: one line each, then what trainers make of their names."""
    table = plain("loss", "kind", "convex", "slopes", "parameters", "source")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "left"
    for row in rows:
        slopes = "" if row["growth"] is None else " ".join(s if isinstance(s, str) else f"{s:g}" for s in row["growth"])
        kind = row["kind"] + (", of a batch" if row["batch"] else "")
        table.add_row(row["name"], kind, "yes" if row["convex"] else "no", slopes, _takes(row), row["source"])
    yield table
    yield Text("Slopes: of the loss at -inf and +inf of its margin, at the settings eps = 0.1 and the like.")
    for row in rows:
        for meaning in row["trainers"]:
            thread = f" ({meaning['thread']})" if meaning["thread"] else ""
            head, body = (row["name"], "bold"), f": {meaning['trainer']} {meaning['versions']}"
            yield Text.assemble(head, f"{body}, {meaning['name']}: {meaning['computes']}{thread}")


def _takes(row):
    """Parameters with their defaults: ``eps``, ``tau = 0.05``."""
    given = row["parameters"].items()
    return ", ".join(key if p["default"] is None else f"{key} = {p['default']:g}" for key, p in given)


def _probability(value):
    """Six decimals; what would be rounded to 0 shows its size.

    >>> _probability(0.25), _probability(1e-9), _probability(0.0)
    ('0.250000', '1.0e-09', '0.000000')
    """
    return f"{value:.1e}" if 0 < value < 1e-6 else f"{value:.6f}"


def _mass(responses, policy):
    """The responses that a policy gives mass to: ``(a 0.75, b 0.25)``."""
    return f"({', '.join(f'{name} {p:.4g}' for name, p in zip(responses, policy, strict=True) if p > 0)})"


def failures(rows, loss="DPO"):
    """The pairs under a loss of this name, then what can go wrong with each and why; the witnesses are in the JSON."""
    table = plain("label", "delta_ref", "at RLHF", f"at {loss}", "threshold", "ways to fail")
    for row in rows:
        at_rlhf = "no reward" if row["delta_rlhf"] is None else _nats(row["delta_rlhf"])
        numbers = (_nats(row["delta_ref"]), at_rlhf, _nats(row["delta_dpo"]), _nats(row["threshold"]))
        table.add_row(_label(row), *numbers, str(len(row["kinds"])))
    yield table
    for row in rows:
        yield Text(_label(row), style="bold")
        for kind in row["kinds"]:
            yield from _failure(kind, row["findings"][kind])
        yield Text()
    yield Text(
        "Thresholds and log-ratios in nats: below its threshold of the mean loss a pair is certainly ranked right."
    )


def _failure(kind, finding):
    """One kind of failure, then each of its remedies, set in further."""
    yield Padding(Text.assemble((kind.replace("_", " "), "bold"), f": {finding['why']}"), (0, 0, 0, 2), expand=False)
    for remedy in remedies(finding):
        yield Padding(Text(f"removed by {remedy}", style="dim"), (0, 0, 0, 4), expand=False)


def remedies(finding) -> list[str]:
    """What removes a failure, each with the value from which it does and why."""
    return [_remedy(name, remedy) for name, remedy in finding["remedies"].items() if remedy["removes"]]


#: each remedy in words, and how its value is told
_REMEDIES = {
    "beta": ("beta", " = {:.4g}"),
    "hypo": ("HyPO's target", " {:.4g}"),
    "eq17": ("the margin of Eq. 17", " at gamma = {:.4g}"),
    "hard_constraint": ("the hard constraint", ", multiplier {:.4g}"),
}


def _remedy(name, remedy):
    words, value = _REMEDIES[name]
    return f"{words}{value.format(remedy['value']) if remedy['value'] else ''} ({remedy['how']})"


def _label(row):
    return f"{row['prompt']}: {row['winner']} > {row['loser']}"


def _nats(value):
    return value if isinstance(value, str) else f"{value:.4f}"


def listed(section, items):
    """The items of a section: a line each."""
    table = plain(section, "")
    table.columns[0].no_wrap = True
    table.columns[1].justify = "left"
    for name, words in items.items():
        table.add_row(name, Text(words))
    return table
