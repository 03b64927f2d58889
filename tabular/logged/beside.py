"""The columns beside the log-probabilities, as text: words, numbers, lists, conversations, in whatever form they are.

The same value is the same text in every form: an object loses its empty entries, as typed tables fill them in, and its
keys are in order.
"""

import json

__all__ = ["shown", "texts"]


def texts(frame, name: str) -> list[str | None]:
    """One text for each row of a lazy table; ``None`` where there is nothing.

    >>> import polars
    >>> texts(polars.LazyFrame({"id": [7, None]}), "id")
    ['7', None]
    >>> typed = polars.LazyFrame({"prompt": [[{"role": "user", "content": "why", "name": None}]]})
    >>> written = polars.LazyFrame({"prompt": ['[{"content": "why", "role": "user"}]']})
    >>> texts(typed, "prompt") == texts(written, "prompt")
    True
    """
    import polars

    found = frame.select(name).collect().to_series()
    if found.dtype.is_nested():
        return [None if value is None else _json(value) for value in found.to_list()]
    if found.dtype in (polars.Binary, polars.Duration):  # the engine has no texts of these
        return [None if value is None else _text(value) for value in found.to_list()]
    if found.dtype != polars.String:
        return found.cast(polars.String).to_list()
    return [_alike(text) for text in found.to_list()]


def shown(value):
    """A value for a reader: numbers and texts as they are, a conversation by its last message.

    >>> shown(3), shown([1, 2]), shown('[{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]')
    (3, '[1, 2]', 'so')
    >>> shown('[{"x":  1}]')  # an answer that is JSON itself
    '[{"x":  1}]'
    """
    nested = _nested(value)
    if isinstance(nested, list) and nested and isinstance(nested[-1], dict) and "content" in nested[-1]:
        value = nested[-1]["content"]
    if isinstance(value, int | float | str) or value is None:
        return value
    return _json(value) if isinstance(value, list | dict) else _text(value)


def _alike(text):
    """What it holds, written as in every form, unless that is nested deeper than Python goes."""
    value = _nested(text)
    try:
        return text if value is text else _json(value)
    except RecursionError:
        return text


def _nested(text):
    """What a text of JSON holds, if that is a list or an object; else the text."""
    if not isinstance(text, str) or text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _json(value):
    return json.dumps(_filled(value), sort_keys=True, ensure_ascii=False, default=_text)


def _text(value):
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _filled(value):
    if isinstance(value, dict):
        return {key: _filled(entry) for key, entry in value.items() if entry is not None}
    return [_filled(entry) for entry in value] if isinstance(value, list) else value
