"""Writes the golden files of this folder: what transformers and PEFT compute, for tests/parity.rs to hold emakeel to.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2
    python tests/golden/make.py                          writes everything beside this script
    python tests/golden/make.py --check                  computes everything anew and compares it with the files here
    python tests/golden/make.py --stories DIR            also the values of the 260K checkpoint in DIR (a Hugging Face folder)

Everything is float32 on the CPU with eager attention, and follows from fixed seeds. Two random models:

| model | heads | key/value heads | head dimension | head | rope |
|---|---|---|---|---|---|
| mha | 4 | 4 | 8 | untied | theta 10000 |
| gqa | 4 | 2 | 16 (not hidden / heads) | tied | theta 500000; its logits also with linear and llama3 scaling |

For each model M:

    M/config.json, M/model.safetensors      the model, written by transformers
    M/{lora,rslora,head,fresh}/             adapters, written by PEFT: rank 4, alpha 12; `lora` and `rslora` on all linear
                                            modules, `head` on v_proj and lm_head (untied only; PEFT adds a copy of the
                                            base's head to the file), all with B not zero; `fresh` on q_proj and v_proj
                                            as PEFT starts it (B = 0)
    M/values.safetensors                    on batch.json: `base.logits`, `{lora,rslora,head}.logits`, and the gradients
                                            `full.<parameter>`, `{lora,rslora,head}.<module>.lora_{A,B}` of the mean loss
    M/curves.json                           50 steps of training on steps.json: loss, gradient norm, learning rate of each
    M/ends.safetensors                      where they end: `full.logits`, `lora.logits`, `fresh.logits`, and the factors

A batch is a list of sequences, each run alone, so nothing here depends on padding. `labels` stand beside `ids`; -100 is
no target, and the label of a token is predicted from the token before it. A loss is the sum over the target tokens of a
whole step divided by their number.
"""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path

if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT writes `target_modules` in the order of a set
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, get_scheduler

VOCABULARY, STEPS, WARMUP, LEARNING_RATE, WEIGHT_DECAY, CLIP = 128, 50, 5, 5e-3, 0.1, 1.0
SHAPE = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=88, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=64, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
)
MODELS = {
    "mha": dict(num_key_value_heads=4, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "gqa": dict(num_key_value_heads=2, head_dim=16, tie_word_embeddings=True,
                rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
}
SCALED_ROPE = {
    "linear": {"rope_type": "linear", "rope_theta": 500000.0, "factor": 4.0},
    "llama3": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
}
ADAPTERS = {
    "lora": dict(target_modules="all-linear"),
    "rslora": dict(target_modules="all-linear", use_rslora=True),
    "fresh": dict(target_modules=["q_proj", "v_proj"]),
    "head": dict(target_modules=["v_proj", "lm_head"]),
}


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def save(tensors, path):
    save_file({name: tensor.detach().float().contiguous() for name, tensor in sorted(tensors.items())}, path)


# --- data ------------------------------------------------------------------------------------------------------------


def sequence(generator, length, prompt, hole=False):
    """A walk that adds a step of its own to each token: something to learn. The first `prompt` tokens are no targets."""
    start, stride = (int(torch.randint(3, VOCABULARY, (1,), generator=generator)) for _ in range(2))
    ids = [1] + [3 + (start + stride % 7 * position) % (VOCABULARY - 3) for position in range(length - 1)]
    labels = [-100] * prompt + ids[prompt:]
    if hole:
        labels[length // 2] = -100
    return {"ids": ids, "labels": labels}


def make_data():
    generator = torch.Generator().manual_seed(7)
    batch = [sequence(generator, 7, 1), sequence(generator, 12, 5, hole=True), sequence(generator, 5, 3)]

    def micro(count):
        lengths = torch.randint(6, 17, (count,), generator=generator).tolist()
        return [sequence(generator, length, 1 + length // 3) for length in lengths]

    steps = [[micro(1 + step % 3), micro(2)] for step in range(STEPS)]
    return batch, steps


# --- what transformers and PEFT compute ------------------------------------------------------------------------------


def logits(model, batch):
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([s["ids"]])).logits[0] for s in batch])


def targets(batch):
    return sum(label != -100 for s in batch for label in s["labels"][1:])


def backward(model, batch, divisor):
    """Adds the gradients of (sum of the losses of the targets) / divisor; returns that loss."""
    total = 0.0
    for s in batch:
        y = model(input_ids=torch.tensor([s["ids"]])).logits[0]
        wanted = torch.tensor(s["labels"][1:])
        loss = torch.nn.functional.cross_entropy(y[:-1], wanted, ignore_index=-100, reduction="sum") / divisor
        loss.backward()
        total += float(loss.detach())
    return total


def short(name):
    """`base_model.model.a.b.lora_A.default.weight` → `a.b.lora_A`"""
    return name.removeprefix("base_model.model.").removesuffix(".default.weight")


def gradients(model, batch, prefix):
    model.zero_grad(set_to_none=True)
    loss = backward(model, batch, targets(batch))
    found = {f"{prefix}.{short(n)}": p.grad for n, p in model.named_parameters() if p.requires_grad}
    assert all(g is not None for g in found.values())
    return loss, found


def train(model, steps):
    """HF Trainer's arithmetic: AdamW that decays matrices but not norms, clipping, linear schedule with warmup."""
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in trained if "norm" not in n], "weight_decay": WEIGHT_DECAY},
         {"params": [p for n, p in trained if "norm" in n], "weight_decay": 0.0}],
        lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=WARMUP, num_training_steps=len(steps))
    log = []
    for micros in steps:
        divisor = sum(targets(m) for m in micros)
        rate = scheduler.get_last_lr()[0]
        loss = sum(backward(model, m, divisor) for m in micros)
        norm = float(torch.nn.utils.clip_grad_norm_([p for _, p in trained], CLIP))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        scheduler.step()
        log.append({"loss": loss, "gradient_norm": norm, "learning_rate": rate})
    return log


# --- models and adapters ---------------------------------------------------------------------------------------------


def open_model(path, **changes):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **changes).eval()


def make_model(path, settings, seed):
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **settings))
    for name, parameter in model.named_parameters():
        if "norm" in name:  # a norm weight of one would hide mistakes
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    model.save_pretrained(path)
    (Path(path) / "generation_config.json").unlink(missing_ok=True)


def make_adapter(model_path, name, seed):
    torch.manual_seed(seed)
    model = get_peft_model(open_model(model_path), LoraConfig(r=4, lora_alpha=12, task_type="CAUSAL_LM", **ADAPTERS[name]))
    if name != "fresh":
        for parameter_name, parameter in model.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.1)
    folder = Path(model_path) / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def with_adapter(model_path, name):
    return PeftModel.from_pretrained(open_model(model_path), f"{model_path}/{name}", is_trainable=True).eval()


def adapters_of(path):
    return [name for name in ADAPTERS if name != "head" or path == "mha"]


def make_values(path, batch):
    model = open_model(path)
    values = {"base.logits": logits(model, batch)}
    losses = {}
    losses["full"], found = gradients(model, batch, "full")
    values.update(found)
    for name in adapters_of(path):
        if name == "fresh":
            continue
        model = with_adapter(path, name)
        values[f"{name}.logits"] = logits(model, batch)
        losses[name], found = gradients(model, batch, name)
        values.update(found)
    if path == "gqa":
        for kind, rope in SCALED_ROPE.items():
            config = LlamaConfig.from_pretrained(path)
            config.rope_parameters = rope
            write_json(f"{path}/config_{kind}.json", json.loads(config.to_json_string()))
            values[f"{kind}.logits"] = logits(open_model(path, config=config), batch)
    save(values, f"{path}/values.safetensors")
    return losses


def make_curves(path, batch, steps):
    curves, ends = {}, {}
    for name in ("full", "lora", "fresh"):
        model = open_model(path) if name == "full" else with_adapter(path, name)
        curves[name] = train(model, steps)
        ends[f"{name}.logits"] = logits(model, batch)
        if name != "full":
            ends.update({f"{name}.{short(n)}": p for n, p in model.named_parameters() if p.requires_grad})
    write_json(f"{path}/curves.json", curves)
    save(ends, f"{path}/ends.safetensors")


# --- a trained checkpoint, too big to keep here ----------------------------------------------------------------------


def formula(tensor_number, count, size):
    """Factors that Rust can make again without a file: multiples of 1/1009 from integer arithmetic, times `size`."""
    number = torch.arange(count, dtype=torch.int64)
    return (((number * 7919 + 13 * tensor_number) % 1009).double() / 1009.0 - 0.5).mul(size).float()


def digest(tensor):
    """The norm of a tensor, its product with a fixed vector, and eight of its entries, spread by a multiplicative hash."""
    flat = tensor.detach().double().flatten()
    product = float(flat @ formula(0, flat.numel(), 1.0).double())
    where = [(i * 2654435761 + 12345) % flat.numel() for i in range(8)]
    return {"norm": float(flat.norm()), "largest": float(flat.abs().max()), "product": product,
            "entries": [[i, float(flat[i])] for i in where]}


def make_stories(folder):
    ids = json.loads((Path(folder) / "golden.json").read_text())["input_ids"]
    batch = [{"ids": ids[:60], "labels": [-100] * 10 + ids[10:60]}, {"ids": ids[:1] + ids[60:], "labels": ids[:1] + ids[60:]}]
    model = open_model(folder)
    result = {"batch": batch, "logits": digest(logits(model, batch))}
    result["full_loss"], found = gradients(model, batch, "full")
    result["gradients"] = {name: digest(g) for name, g in found.items()}
    model = get_peft_model(open_model(folder), LoraConfig(r=4, lora_alpha=12, task_type="CAUSAL_LM", target_modules="all-linear"))
    model.eval()
    factors = sorted((short(n), p) for n, p in model.named_parameters() if p.requires_grad)
    with torch.no_grad():
        for number, (_, parameter) in enumerate(factors):
            parameter.copy_(formula(number, parameter.numel(), 0.2).reshape(parameter.shape))
    result["lora_logits"] = digest(logits(model, batch))
    result["lora_loss"], found = gradients(model, batch, "lora")
    result["gradients"].update({name: digest(g) for name, g in found.items()})
    Path("stories260K.json").write_text(json.dumps(result, sort_keys=True) + "\n")


# --- all of it -------------------------------------------------------------------------------------------------------


def make_schedules():
    """Learning rate factors of each step by transformers' own schedules."""
    rates = {}
    for kind in ("linear", "cosine", "constant_with_warmup"):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = get_scheduler(kind, optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
        rates[kind] = []
        for _ in range(STEPS):
            rates[kind].append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
    return rates


def make_all(stories):
    batch, steps = make_data()
    Path("batch.json").write_text(json.dumps(batch) + "\n")
    Path("steps.json").write_text(json.dumps(steps) + "\n")
    losses = {}
    for seed, (name, settings) in enumerate(MODELS.items()):
        make_model(name, settings, 100 + seed)
        for number, adapter in enumerate(adapters_of(name)):
            make_adapter(name, adapter, 200 + 10 * seed + number)
        losses[name] = make_values(name, batch)
        make_curves(name, batch, steps)
    if stories:
        make_stories(stories)
    write_json("summary.json", {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "training": {"steps": STEPS, "warmup": WARMUP, "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                     "clip": CLIP, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        "losses": losses,
        "schedules": make_schedules(),
    })


def differences(here, there):
    """Files of `there` that `here` lacks or holds differently by more than 1e-5 of the largest number in the tensor."""
    for path in sorted(p.relative_to(there) for p in there.rglob("*") if p.is_file()):
        if not (here / path).exists():
            yield f"{path}: missing"
        elif path.suffix == ".safetensors":
            old, new = load_file(here / path), load_file(there / path)
            for name in sorted(old.keys() | new.keys()):
                if name not in old or name not in new:
                    yield f"{path}: {name} on one side only"
                elif (old[name] - new[name]).abs().max() > 1e-5 * old[name].abs().max() + 1e-12:
                    yield f"{path}: {name} differs by {(old[name] - new[name]).abs().max():.2e}"
        elif not close(json.loads((here / path).read_text()), json.loads((there / path).read_text())):
            yield f"{path}: differs"


def close(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-7)
    return a == b


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the files here, write nothing")
    parser.add_argument("--stories", help="folder of the 260K checkpoint, with its golden.json")
    options = parser.parse_args()
    stories = Path(options.stories).resolve() if options.stories else None
    here = Path(__file__).resolve().parent
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with tempfile.TemporaryDirectory() as there:
        os.chdir(there)  # models are opened by relative names, which PEFT writes into its files
        make_all(stories)
        os.chdir(here)
        if options.check:
            found = list(differences(here, Path(there)))
            print("\n".join(found) or "nothing differs")
            sys.exit(bool(found))
        shutil.copytree(there, here, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
