"""Which column of a file is which, and which trainer wrote it: all trainers' names, and what a set of them says."""

from dataclasses import dataclass

from tabular.base import checks
from tabular.errors import InputError
from tabular.logged import files, kto
from tabular.logged.records import ARRAYS

__all__ = [
    "AVERAGES",
    "COLUMNS",
    "COUNTS",
    "KEYS",
    "PROMPTS",
    "SUMS",
    "UNKNOWN",
    "Columns",
    "Origin",
    "checked_renaming",
    "chosen",
    "origin",
]

#: The column names that trainers and preference data sets use for each array of a PairLog. The plural
#: ``rewards/chosen`` is not among the rewards: trainers write beta times the policy's own log-ratio there.
COLUMNS = {
    "ref_chosen": ("ref_chosen_logps", "reference_chosen_logps"),
    "ref_rejected": ("ref_rejected_logps", "reference_rejected_logps"),
    "policy_chosen": ("policy_chosen_logps", "chosen_logps"),
    "policy_rejected": ("policy_rejected_logps", "rejected_logps"),
    "reward_chosen": ("chosen_score", "score_chosen", "chosen_reward", "reward_chosen"),
    "reward_rejected": ("rejected_score", "score_rejected", "rejected_reward", "reward_rejected"),
}

#: Token counts, as numbers; and lists of token ids of the completion alone, whose lengths they are.
COUNTS = {
    "n_chosen": ("n_tokens_chosen", "chosen_num_tokens", "num_tokens_chosen", "chosen_length", "n_chosen"),
    "n_rejected": ("n_tokens_rejected", "rejected_num_tokens", "num_tokens_rejected", "rejected_length", "n_rejected"),
}
_TOKENS = {"n_chosen": ("chosen_ids", "chosen_input_ids"), "n_rejected": ("rejected_ids", "rejected_input_ids")}

KEYS = ("pair_id", "id", "index", "pair", "uuid", "prompt_id")  # what a row is called, in the order of preference
PROMPTS = ("prompt_id", "prompt", "instruction", "question", "query")
SUMS, AVERAGES, UNKNOWN = "sums", "averages", "sums or averages"


@dataclass(frozen=True)
class Origin:
    """Who wrote a file, as its content tells.

    Attributes:
        trainer: with its versions, and under which setting.
        form: what the log-probabilities are, sums over tokens or averages, as far as the form of the file says.
    """

    trainer: str
    form: str = SUMS

    def __str__(self):
        return f"{self.trainer}; {self.form}"


@dataclass(frozen=True)
class Columns:
    """The column of each array, of the token counts (lists of ids in ``tokens``), and who wrote them."""

    arrays: dict[str, str]
    counts: dict[str, str]
    tokens: bool
    origin: Origin


def chosen(file: files.File, names: list[str], renamed: dict[str, str], role="reference") -> Columns:
    """Which column of a file is which array: as renamed, else by one of the usual names.

    Args:
        role: ``"policy"`` for a file that holds the policy's pass: its reference columns are then the policy's.

    Raises:
        InputError: a column that is missing, ambiguous or without its partner; names that are not what they seem.
    """
    _check_renamed(renamed)
    found = _of_torch(file, names, renamed) or _by_name(file, names, renamed, role)
    counts = {} if file.kind == files.DELIMITED else _present(_TOKENS, names)
    tokens = (
        len(counts) == 2 and "chosen_labels" not in names and ("prompt_ids" in names or "prompt_input_ids" in names)
    )
    counts = counts if tokens else _present(COUNTS, names)
    return Columns(found, counts if len(counts) == 2 else {}, tokens, origin(file, names, found))


def _present(usual, names):
    found = {array: next((name for name in some if name in names), None) for array, some in usual.items()}
    return {array: name for array, name in found.items() if name}


def _of_torch(file, names, renamed):
    """open-instruct's cache names the *reference* chosen_logps and rejected_logps: never the policy without a ref."""
    if file.kind != files.TORCH or renamed or set(names) != {"chosen_logps", "rejected_logps"}:
        return None
    return {"ref_chosen": "chosen_logps", "ref_rejected": "rejected_logps"}


def _by_name(file, names, renamed, role):
    if role == "policy":
        return _of_policy(file, names, renamed)
    found = {}
    for array, usual in COLUMNS.items():
        name = _column(file, names, array, usual, renamed)
        if name:
            found[array] = name
        elif array in renamed or array.startswith("ref"):
            wanted = " or ".join([renamed[array]] if array in renamed else usual)
            hint = _hint(names) or (
                "" if array in renamed else f"; if one is it, say so with columns={{{array!r}: ...}}"
            )
            raise InputError(f"{file.path} has no column {wanted} for {array}: found {_listed(names)}{hint}")
    _need_partners(file, names, found, ARRAYS[2:])
    return found


def _of_policy(file, names, renamed):
    """A pass of the trained policy: under its own names, else under the reference's, which the same code writes."""
    found = {}
    for side in ("chosen", "rejected"):
        array = f"policy_{side}"
        for usual in (COLUMNS[array], COLUMNS[f"ref_{side}"]):
            found[array] = found.get(array) or _column(file, names, array, usual, renamed)
        if not found[array]:
            raise InputError(f"{file.path} has no column of the policy's log-probabilities: found {_listed(names)}")
    return found


def _column(file, names, array, usual, renamed):
    wanted = [renamed[array]] if array in renamed else [name for name in usual if name not in renamed.values()]
    there = [name for name in wanted if name in names]
    if len(there) > 1 or (there and names.count(there[0]) > 1):
        raise InputError(
            f"{file.path} has more than one column for {array} ({', '.join(n for n in names if n in there)}): "
            f"keep one, or choose with columns={{{array!r}: ...}}"
        )
    return there[0] if there else None


def _check_renamed(renamed):
    unknown = sorted(set(renamed) - set(COLUMNS))
    if unknown:
        raise InputError(f"columns names {unknown[0]!r}, which is not one of {', '.join(COLUMNS)}")
    if len(set(renamed.values())) < len(renamed):
        raise InputError(f"columns gives one column to two arrays ({renamed}): name a different one for each")


def _need_partners(file, names, found, arrays):
    for array in arrays:
        partner = array.replace("chosen", "rejected") if "chosen" in array else array.replace("rejected", "chosen")
        if array in found and partner not in found:
            raise InputError(
                f"{file.path} has {found[array]} but no column for {partner}: add it, or name it with columns="
                f"{{{partner!r}: ...}}; found {_listed(names)}"
            )


def _hint(names):
    """What the columns are, where they are something that is easily taken for a log of pairs."""
    there = set(names)
    if {"chosen_logps", "rejected_logps"} <= there:
        return (
            "; chosen_logps and rejected_logps alone may be the reference (open-instruct) or the policy: say which "
            "with columns={'ref_chosen': 'chosen_logps', 'ref_rejected': 'rejected_logps'}, or add the reference's"
        )
    if there & {"ref_logps", "reference_logps"}:
        return (
            "; one completion a row, as TRL's KTO trainer writes: save its data set with the columns prompt and label, "
            "so that the two completions of a prompt make a pair"
        )
    if any("rewards/" in name or "rewards_train/" in name for name in there):
        return "; batch means of a trainer, not pairs: read them with logs.read_metrics"
    if {"chosen", "rejected"} <= there:
        return "; texts without log-probabilities: have TRL write them with precompute_ref_log_probs=True"
    return ""


def _listed(names, at_most=20):
    if not names:
        return "no columns"
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def origin(file: files.File, names, found) -> Origin:
    """Who wrote a file with these columns, in which versions."""
    ref = found.get("ref_chosen", found.get("policy_chosen"))
    if isinstance(file, kto.Paired):
        return Origin(file.trainer)
    only_two = len(names) == 2
    if file.kind == files.TORCH and ref == "chosen_logps":
        return Origin("open-instruct's reference cache (2026 on)", "averages for dpo_norm (its default) and simpo")
    if file.kind == files.STREAM and only_two and ref == "ref_chosen_logps":
        return Origin("TRL 1.6 on, cache of precompute_ref_log_probs (axolotl writes the same)")
    if file.kind == files.ARRAYS and ref == "ref_chosen_logps":
        return Origin("TRL 0.29-1.5, cache of precompute_ref_log_probs")
    if ref == "reference_chosen_logps":
        return Origin("TRL 0.7.5-0.11, saved data set", "sums, averages under ipo from 0.7.11")
    if "prompt_ids" in names:
        return Origin("TRL 0.29 on, saved data set")
    if ref == "ref_chosen_logps" and ("prompt_input_ids" in names or "chosen_input_ids" in names):
        return Origin("TRL 0.12-0.28 or ms-swift, saved data set", "sums, averages under ipo")
    return Origin("a table by column names", UNKNOWN)


def checked_renaming(columns) -> dict[str, str]:
    """The ``columns`` argument of the readers."""
    columns = {} if columns is None else columns
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in (*columns, *columns.values())):
        raise InputError(f"columns is {checks.brief(columns)}: give a mapping, such as {{'ref_chosen': 'my_column'}}")
    return columns
