"""Loads models and adapters that emakeel wrote with transformers and PEFT; driven by tests/parity/peft.rs.

    python check.py JOBS.json

A job is {"model": folder, "adapter": folder or null, "batch": [[ids], ...], "out": folder}. For each one, `out` gets
`logits.safetensors` (all documents below each other) and, with an adapter, the folder `saved` that PEFT writes of it.
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


def run(job):
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in json.loads(Path(sys.argv[1]).read_text()):
        run(each)
    print(peft.__version__)
