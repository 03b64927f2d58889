"""Runs inside an environment with torch and TRL: trains a tiny model made on the spot and leaves what TRL writes.

Usage: python train.py DIRECTORY float32|bfloat16. Nothing is downloaded. The columns are written by the lines of
docs/audit.md, as they stand there. Beside TRL's files the directory gets ``truth.json``: the sums of token log-probs of
reference and policy, computed here in float64, token by token.
"""

import copy
import json
import os
import shutil
import sys
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

import torch
from datasets import Dataset, load_from_disk
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

GUIDE = Path(__file__).parents[2] / "docs" / "audit.md"
WORDS = [f"w{i}" for i in range(19)]


def tokenizer():
    words = {word: i for i, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    model = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=model, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


def pairs(n=24):
    generator = torch.Generator().manual_seed(1)

    def text(low, high):
        size = int(torch.randint(low, high, (1,), generator=generator))
        return " ".join(WORDS[i] for i in torch.randint(0, len(WORDS), (size,), generator=generator).tolist())

    rows = [{"prompt": text(3, 6), "chosen": " " + text(8, 60), "rejected": " " + text(8, 60)} for _ in range(n)]
    return Dataset.from_list(rows)


def tiny_model(dtype):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS) + 3,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
    )
    return LlamaForCausalLM(config).to(dtype)


def truth(model, rows):
    """Sums of token log-probs of the completions, in float64, one sequence at a time."""
    model = copy.deepcopy(model).to(torch.float64).eval()
    found = {"chosen": [], "rejected": []}
    for row in rows:
        for side, sums in found.items():
            kind = "ids" if "prompt_ids" in row else "input_ids"  # TRL 0.29 on, and before
            prompt, completion = row[f"prompt_{kind}"], row[f"{side}_{kind}"]
            ids = torch.tensor([prompt + completion])
            with torch.no_grad():
                log_prob = model(ids).logits.log_softmax(-1)[0]
            at = range(len(prompt), ids.shape[1])
            sums.append(float(sum(log_prob[i - 1, ids[0, i]] for i in at)))
    return found


def trainer(model, directory, data, **settings):
    config = DPOConfig(
        output_dir=str(directory),
        precompute_ref_log_probs=True,
        report_to=[],
        per_device_train_batch_size=4,
        use_cpu=True,
        bf16=False,
        max_length=None,
        beta=0.1,
        disable_tqdm=True,
        seed=0,
        **settings,
    )
    return DPOTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer())


def left_by_one_pass(model, directory, data, name):
    """The rows of the data set after one pass with this model; and the cache, where this version has one."""
    for old in data.glob("cache-*"):
        old.unlink()
    run = trainer(model, directory / "scratch", load_from_disk(str(data)))
    run.get_train_dataloader()
    for written in sorted(data.glob("cache-*.arrow"), key=lambda path: path.stat().st_mtime)[-1:]:
        if b"ref_chosen_logps" in written.read_bytes():
            shutil.copy(written, directory / f"{name}.arrow")
    return run.train_dataset.to_list()


def recipe(text):
    """The one piece of Python in the guide."""
    _, code, *others = text.split("```python\n")
    assert not others
    return code.split("```")[0]


def main(directory, dtype):
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / "data"
    pairs().save_to_disk(str(data))
    reference = trained = tiny_model(getattr(torch, dtype))
    rows = left_by_one_pass(copy.deepcopy(reference), directory, data, "before")
    answer = {"reference": truth(reference, rows)}
    if dtype == "float32":
        run = trainer(
            copy.deepcopy(reference),
            directory / "run",
            load_from_disk(str(data)),
            num_train_epochs=8,
            learning_rate=3e-3,
            logging_steps=1,
            save_strategy="no",
        )
        run.train()
        run.state.save_to_json(str(directory / "trainer_state.json"))
        trained = run.model
        rows = left_by_one_pass(copy.deepcopy(trained), directory, data, "after")
        answer["policy"] = truth(trained, rows)
    os.chdir(directory)
    given = {"pairs": pairs(), "tokenizer": tokenizer(), "reference": reference, "trained": copy.deepcopy(trained)}
    exec(recipe(GUIDE.read_text(encoding="utf-8")), given)  # our own text
    Path("truth.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
