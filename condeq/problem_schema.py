"""The format of problem files as a JSON schema, for editors: built from the reader's own keys.

The schema knows shapes and kinds. That probabilities sum to 1, that names differ, that a label names a response of its
prompt, only the reader knows.
"""

from condeq import choice_input, problem_file
from tabular import losses

__all__ = ["NAME", "NUMBERS", "ORDER", "PAIR", "RANKING", "TABLE", "schema"]

NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 1}
NAME = {"type": ["string", "integer", "number"]}
TABLE = {"type": "array", "items": NUMBERS, "minItems": 1}
PAIR = {
    "type": "array",
    "prefixItems": [NAME, NAME, {"type": "number", "minimum": 0}],
    "items": False,
    "minItems": 2,
    "maxItems": 3,
}
ORDER = {"type": "array", "items": {"anyOf": [NAME, {"type": "array", "items": NAME}]}}
RANKING = {
    "anyOf": [
        ORDER,
        {
            "type": "object",
            "properties": {"order": ORDER, "voters": {"type": "number", "minimum": 0}},
            "required": ["order"],
            "additionalProperties": False,
        },
    ]
}
_WORDS = {
    "responses": "Names of the responses, different from each other; YAML's yes and no need quotes.",
    "reference": "The reference policy in probabilities, one a response, that sum to 1.",
    "log_reference": "In place of reference: its log-probabilities in nats.",
    "reward": "One number a response; all prompts have rewards or none has.",
    "preferences": "Pairs [winner, loser] or [winner, loser, weight]; or bradley-terry, all pairs at its rates.",
    "rankings": "Rankings of responses, the best first; a list inside one is a tie.",
    "wins": "How often the response of the row was preferred to that of the column.",
    "preference_matrix": "How likely the response of the row is preferred to that of the column.",
}
_KINDS = {
    "responses": {"type": "array", "items": NAME, "minItems": 1, "uniqueItems": True},
    "reference": NUMBERS,
    "log_reference": NUMBERS,
    "reward": NUMBERS,
    "preferences": {"anyOf": [{"const": "bradley-terry"}, {"type": "array", "items": PAIR}]},
    "rankings": {"type": "array", "items": RANKING, "minItems": 1},
    "wins": TABLE,
    "preference_matrix": TABLE,
}


def schema() -> dict:
    """The JSON schema (draft 2020-12) of a problem file.

    >>> schema()["required"]
    ['beta', 'prompts']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A problem file of condeq",
        "type": "object",
        "properties": {
            "beta": {"type": "number", "exclusiveMinimum": 0, "description": "The price of KL to the reference."},
            "loss": _loss(),
            "prompts": {"type": "array", "items": _prompt(), "minItems": 1},
        },
        "required": ["beta", "prompts"],
        "additionalProperties": False,
    }


def _loss():
    named = {"enum": list(losses.names())}
    parameters = {
        "type": "object",
        "properties": {"name": named},
        "required": ["name"],
        "additionalProperties": {"type": ["number", "array"]},
    }
    return {
        "anyOf": [named, parameters],
        "description": "A loss to solve beside DPO, with its parameters if it has any.",
    }


def _prompt():
    return {
        "type": "object",
        "properties": {key: _KINDS[key] | {"description": _WORDS[key]} for key in problem_file.PROMPT_KEYS},
        "allOf": [
            {"oneOf": [{"required": [key]} for key in ("reference", "log_reference")]},
            {"oneOf": [{"required": [key]} for key in ("preferences", *choice_input.KEYS)]},
        ],
        "additionalProperties": False,
    }
