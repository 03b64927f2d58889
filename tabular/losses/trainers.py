"""Where a public trainer means something else by a loss's name: facts read in their source, by version."""

from typing import NamedTuple

__all__ = ["MEANINGS", "Meaning"]


class Meaning(NamedTuple):
    """What a trainer computes under a name.

    Attributes:
        trainer, versions: whose, and since or until when; thread: ``owner/repo#number`` where there is one.
        name: the name or setting there; computes: what it stands for.
    """

    trainer: str
    versions: str
    name: str
    computes: str
    thread: str = ""


_TRL = "TRL DPOTrainer"
_AVERAGES = "log-probabilities averaged over tokens in place of sums"

MEANINGS = {
    "dpo": (
        Meaning("LLaMA-Factory", "with TRL 0.20-0.24", "hinge, ipo, kto_pair", "the sigmoid loss, whatever is asked"),
        Meaning("Megatron DPO of ms-swift", "when read", "any loss_type", "sigmoid", "modelscope/ms-swift#10167"),
        Meaning("open-instruct", "default", "dpo_norm", "sigmoid_norm"),
    ),
    "cdpo": (
        Meaning(_TRL, "0.7.5-0.28", "sigmoid with label_smoothing", "cdpo", "huggingface/trl#1035"),
        Meaning(
            _TRL, "from 0.29", "sigmoid with label_smoothing", "dpo: the smoothing is ignored", "huggingface/trl#3906"
        ),
        Meaning("axolotl", "with TRL 1.8.0", "dpo_label_smoothing under sigmoid", "dpo: the smoothing is ignored"),
    ),
    "rdpo": (Meaning(_TRL, "from 0.9.3", "robust", "rdpo", "huggingface/trl#1653"),),
    "ipo": (
        Meaning(_TRL, "0.7.5-0.7.10", "ipo", "ipo, tau given as beta", "huggingface/trl#1022"),
        Meaning(_TRL, "from 0.7.11", "ipo", "ipo_norm: " + _AVERAGES, "huggingface/trl#1265"),
        Meaning(_TRL, "0.20-0.28", "ipo in a list of losses", _AVERAGES + " for every loss of the list"),
        Meaning("HALOs", "when read", "ipo", "ipo_norm"),
        Meaning("TRL CPOTrainer", "when read", "ipo", "averages, and no reference"),
        Meaning("LLaMA-Factory", "with TRL 0.20-0.24", "ipo", "sigmoid_norm"),
    ),
    "ipo_norm": (Meaning(_TRL, "from 0.7.11", "ipo", "ipo_norm", "huggingface/trl#1265"),),
    "hinge": (
        Meaning(_TRL, "from 0.7.3", "hinge", "hinge, RSO's, with reference", "huggingface/trl#866"),
        Meaning("torchtune", "deprecated", "RSOLoss", "hinge"),
        Meaning("LLaMA-Factory", "with TRL 0.20-0.24", "hinge", "dpo"),
    ),
    "slic": (Meaning("HALOs", "when read", "SLiC", "slic plus an SFT term"),),
    "exo_pair": (
        Meaning(_TRL, "0.9.6-0.28", "exo_pair, label_smoothing 0", "exo_pair at eps = 1e-3", "huggingface/trl#1735"),
    ),
    "hypo": (Meaning("arXiv 2406.01462", "older paper", "HyPO", "DPO with an online KL term: something else"),),
    "simpo": (
        Meaning("SimPO's own trainer", "when read", "gamma_beta_ratio", "gamma / beta"),
        Meaning("TRL CPOTrainer", "when read", "simpo", "simpo plus cpo_alpha (default 1) times the token-mean NLL"),
    ),
    "sigmoid_norm": (Meaning(_TRL, "from 1.4", "sigmoid_norm", "sigmoid_norm", "huggingface/trl#5406"),),
    "discopop": (Meaning(_TRL, "from 0.13", "discopop", "nan in float32 for z below -88", "huggingface/trl#2323"),),
    "fdpo_alpha": (
        Meaning(_TRL, "0.9.6-0.28", "alpha_divergence", "alpha as here, default 1", "huggingface/trl#1610"),
        Meaning(_TRL, "from 0.29", "alpha_divergence a", "alpha = 1 - a, default a = 0.5"),
    ),
    "fdpo_forward_kl": (Meaning(_TRL, "0.9.6-0.28", "alpha_divergence, default", "fdpo_forward_kl"),),
    "kto": (
        Meaning("TRL KTOTrainer", "when read", "kto", "z0 from mismatched completions of the batch, at least 0"),
        Meaning(_TRL, "0.7.5-0.9.4", "kto_pair", "removed in 0.9.6", "huggingface/trl#1734"),
    ),
    "nca_pair": (Meaning(_TRL, "from 0.9.3", "nca_pair", "nca_pair", "huggingface/trl#1632"),),
    "bco_pair": (
        Meaning(
            _TRL, "0.9.3-0.28", "bco_pair", "bco_pair, shifted by a running mean of rewards", "huggingface/trl#1524"
        ),
        Meaning(_TRL, "from 0.29", "bco_pair", "bco_pair_unshifted"),
    ),
    "bco_pair_unshifted": (Meaning(_TRL, "from 0.29", "bco_pair", "bco_pair_unshifted"),),
    "apo_zero": (Meaning(_TRL, "from 0.10", "apo_zero", "apo_zero plus 1", "huggingface/trl#1928"),),
    "apo_down": (Meaning(_TRL, "from 0.10", "apo_down", "apo_down plus 1", "huggingface/trl#1928"),),
    "sppo_hard": (Meaning(_TRL, "from 0.9.3", "sppo_hard", "sppo_hard; the paper scales with eta = 1/beta"),),
    "dpop": (
        Meaning(
            "ports", "no official code", "DPOP", "sign and place of the penalty differ", "hiyouga/LLaMA-Factory#2587"
        ),
    ),
    "dpo_sft": (
        Meaning(_TRL, "0.9.3-0.28", "rpo_alpha", "token mean over the batch, not the sequence", "huggingface/trl#1686"),
        Meaning("LLaMA-Factory", "when read", "pref_ftx", "alpha times each sequence's mean"),
    ),
    "cpo_xu": (Meaning("TRL CPOTrainer", "when read", "cpo_alpha", "alpha times the token-mean NLL"),),
    "orpo": (Meaning("TRL ORPOTrainer", "when read", "beta", "lam; probability = exp of the mean token log-prob"),),
    "aot": (Meaning(_TRL, "every version", "aot", "aot, the paired loss", "huggingface/trl#1701"),),
    "aot_unpaired": (
        Meaning(_TRL, "0.9.6-0.27", "aot_pair", "aot_unpaired", "huggingface/trl#1701"),
        Meaning(_TRL, "from 0.28", "aot_unpaired", "aot_unpaired", "huggingface/trl#5038"),
    ),
}
