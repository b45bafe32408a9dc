"""Loads models and adapters that emakeel wrote with transformers and PEFT; driven by tests/parity/peft.rs.

    python check.py JOBS.json

A job is {"model": folder, "adapter": folder or null, "batch": [[ids], ...], "out": folder}. For each one, `out` gets
`logits.safetensors` (all documents below each other) and, with an adapter, the folder `saved` that PEFT writes of it and
`gradients.safetensors`, of the mean loss of all tokens but each document's first, by the names that emakeel has.
A job with "start", such as {"init_lora_weights": "pissa", "r": 4}, makes a fresh adapter instead; `out` gets its
`factors.safetensors`. One with "vera", such as {"r": 4}, has PEFT write a fresh adapter of VeRA into `out`.
Prints the version of PEFT.
"""

import json
import sys
import warnings
from pathlib import Path

import peft
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def short(name):
    return name.removeprefix("base_model.model.").replace(".default", "").removesuffix(".weight")


def start(job):
    from peft import LoraConfig, get_peft_model

    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **job["start"]))
    out = Path(job["out"])
    out.mkdir(parents=True)
    factors = {short(n): p.detach().contiguous() for n, p in model.named_parameters() if p.requires_grad}
    save_file(factors, out / "factors.safetensors")


def gradients(model, batch):
    """Loss and gradients of whatever of the adapter is trained."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in ("lora_", "ia3_", "vera_lambda", "modules_to_save", "trainable_tokens"))
    losses = []
    for ids in batch:
        y = model(input_ids=torch.tensor([ids])).logits[0]
        losses.append(torch.nn.functional.cross_entropy(y[:-1], torch.tensor(ids[1:]), reduction="sum"))
    (sum(losses) / sum(len(ids) - 1 for ids in batch)).backward()
    found = {short(n): p.grad for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    # (IA)³'s have the shape of what multiplies the weight.
    return {name: (g.flatten() if name.endswith("ia3_l") else g).contiguous() for name, g in found.items()}


def fresh_vera(job):
    from peft import VeraConfig, get_peft_model

    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    get_peft_model(model, VeraConfig(task_type="CAUSAL_LM", **job["vera"])).save_pretrained(job["out"])


def run(job):
    if "start" in job:
        return start(job)
    if "vera" in job:
        return fresh_vera(job)
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32, attn_implementation="eager").eval()
    if job["adapter"]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(model, job["adapter"]).eval()
        # PEFT passes over tensors and keys that it cannot place; here that is a failure.
        found = [str(w.message) for w in caught if "keys" in str(w.message) or "nexpected" in str(w.message)]
        if found:
            sys.exit(f"{job['adapter']}: {found}")
    out = Path(job["out"])
    out.mkdir(parents=True)
    with torch.no_grad():
        logits = torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in job["batch"]])
    save_file({"logits": logits.contiguous()}, out / "logits.safetensors")
    if job["adapter"]:
        model.save_pretrained(out / "saved")
        save_file(gradients(model, job["batch"]), out / "gradients.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in json.loads(Path(sys.argv[1]).read_text()):
        run(each)
    print(peft.__version__)
