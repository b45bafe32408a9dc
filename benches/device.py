"""emakeel beside torch, transformers, PEFT and bitsandbytes on one CUDA device: random weights of Llama 2 7B, bf16.

    cargo build --release --features cuda
    python benches/device.py --emakeel target/release/emakeel --out device --seconds 480

Each step is a process of its own, ours and theirs in turns, and what it prints is kept in --out: `NAME.json` and `NAME.log`.
Nothing is downloaded: the weights are made on the device. A step that would end after --seconds is not begun, and `--only`
chooses steps by their names. The table at the end has what there is.

Theirs is eager bf16 with SDPA attention and the fused AdamW, whose state is bf16 as well, adapters too (ours keeps f32 master
weights, factors and moments). It is measured both with micro-steps that fit without checkpointing and with checkpointing, and the faster counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

SHAPE = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
LORA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def ours(method, batch, length, *more):
    shape = ["--model", "llama-2-7b", "--dtype", "bf16", "--json", "--steps", 4]
    return ["bench", *shape, "--method", method, "--batch", batch, "--sequence-length", length, *more]


IN_8_BITS = ["--optimizer", "adamw-8bit", "--rounding", "stochastic"]

# Name, the longest it may take in seconds, our arguments or theirs.
STEPS = [
    ("doctor", 110, ["doctor"]),
    ("full-1024", 70, ours("full", 16, 1024)),
    ("full-1024-micro", 70, ours("full", 16, 1024, "--micro-batch", 4)),
    ("full-1024-8bit", 70, ours("full", 16, 1024, *IN_8_BITS)),
    ("full-1024-24gib", 90, ours("full", 16, 1024, *IN_8_BITS, "--offload", "--clip", 0, "--memory", "24GiB")),
    ("full-1024-torch", 70, {"method": "full", "length": 1024, "micro": [(4, False), (16, True)], "batch": 16}),
    ("lora-1024", 60, ours("lora", 16, 1024)),
    ("lora-1024-torch", 60, {"method": "lora", "length": 1024, "micro": [(8, False), (16, True)], "batch": 16}),
    ("qlora-1024", 60, ours("qlora", 4, 1024)),
    ("qlora-1024-7gib", 60, ours("qlora", 4, 1024, "--memory", "7GiB")),
    ("qlora-1024-torch", 60, {"method": "qlora", "length": 1024, "micro": [(4, False), (4, True)], "batch": 4}),
    ("attention-torch", 40, {"method": "attention"}),
    ("full-4096", 70, ours("full", 4, 4096)),
    ("full-4096-micro", 70, ours("full", 4, 4096, "--micro-batch", 1)),
    ("full-4096-8bit", 70, ours("full", 4, 4096, *IN_8_BITS)),
    ("full-4096-torch", 70, {"method": "full", "length": 4096, "micro": [(1, False), (4, True)], "batch": 4}),
    ("lora-4096", 60, ours("lora", 4, 4096)),
    ("lora-4096-torch", 60, {"method": "lora", "length": 4096, "micro": [(2, False), (4, True)], "batch": 4}),
]


def model(torch, method):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        made = LlamaForCausalLM(LlamaConfig(**SHAPE, attn_implementation="sdpa"))
    made.config.use_cache = False
    if method == "qlora":
        in_four_bits(torch, made)
    if method != "full":
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=LORA)
        made = get_peft_model(made, lora, autocast_adapter_dtype=False)
    return made.train()


def in_four_bits(torch, made):
    import bitsandbytes as bnb

    for name, module in list(made.named_modules()):
        if isinstance(module, torch.nn.Linear) and not name.endswith("lm_head"):
            packed = bnb.nn.Linear4bit(
                module.in_features, module.out_features, bias=False, compute_dtype=torch.bfloat16,
                compress_statistics=True, quant_type="nf4", device="meta",
            )
            packed.weight = bnb.nn.Params4bit(
                module.weight.data.cpu(), requires_grad=False, quant_type="nf4", compress_statistics=True, module=packed,
            )
            parent = made.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], packed.to("cuda"))
    torch.cuda.empty_cache()


def train(torch, work):
    from torch.nn.functional import cross_entropy

    made = model(torch, work["method"])
    trained = [parameter for parameter in made.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.1, fused=True)
    results = []
    for micro, recompute in work["micro"]:
        if recompute:
            made.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            if work["method"] != "full":
                made.enable_input_require_grads()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        times = []
        try:
            for _ in range(4):
                ids = torch.randint(0, SHAPE["vocab_size"], (work["batch"], work["length"]), device="cuda")
                torch.cuda.synchronize()
                started = time.perf_counter()
                for rows in ids.split(micro):
                    logits = made(input_ids=rows).logits
                    targets = rows[:, 1:].reshape(-1)
                    loss = cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]).float(), targets)
                    (loss * len(rows) / len(ids)).backward()
                    del logits
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                torch.cuda.synchronize()
                times.append(time.perf_counter() - started)
        except torch.cuda.OutOfMemoryError as error:
            optimizer.zero_grad(set_to_none=True)
            print(f"{micro} a micro-step, recompute {recompute}: {error}", file=sys.stderr)
            continue
        seconds = statistics.median(times[1:])
        results.append({
            "tokens_per_s": work["batch"] * work["length"] / seconds,
            "step_s": seconds,
            "peak_mb": torch.cuda.max_memory_allocated() / 2**20,
            "micro_batch": micro,
            "recompute": recompute,
        })
    best = max(results, key=lambda result: result["tokens_per_s"])
    return {**best, "all": results}


def attention(torch):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    results = {}
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        for batch, length in ((16, 1024), (4, 4096)):
            q, k, v = (torch.randn(batch, 32, length, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3))
            for tensor in (q, k, v):
                tensor.requires_grad_()
            ahead, back = [], []
            with sdpa_kernel(backend):
                for _ in range(12):
                    events = [torch.cuda.Event(enable_timing=True) for _ in range(3)]
                    gradient = torch.randn_like(q)
                    events[0].record()
                    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                    events[1].record()
                    out.backward(gradient)
                    events[2].record()
                    torch.cuda.synchronize()
                    ahead.append(events[0].elapsed_time(events[1]))
                    back.append(events[1].elapsed_time(events[2]))
            operations = 2 * batch * 32 * length * length * 128
            name = f"{backend.name.lower()} {batch} x {length}"
            results[name + " forward, TFLOP/s"] = operations / statistics.median(ahead[2:]) / 1e9
            results[name + " backward, TFLOP/s"] = 2.5 * operations / statistics.median(back[2:]) / 1e9
    return results


def theirs(work):
    import torch

    result = attention(torch) if work["method"] == "attention" else train(torch, work)
    print(json.dumps(result))


def run(name, limit, work, options):
    if isinstance(work, dict):
        command = [sys.executable, os.path.abspath(__file__), "--theirs", json.dumps(work)]
    else:
        command = [options.emakeel, *map(str, work)]
    started = time.monotonic()
    path = os.path.join(options.out, name)
    with open(path + ".json", "w") as out, open(path + ".log", "w") as log:
        try:
            code = subprocess.run(command, stdout=out, stderr=log, timeout=limit).returncode
        except subprocess.TimeoutExpired:
            code = "time is up"
    seconds = time.monotonic() - started
    try:
        result = json.load(open(path + ".json"))
    except ValueError:
        result = {}
    print(f"{name}: {code}, {seconds:.0f} s", flush=True)
    if code != 0:
        print(open(path + ".log").read()[-1500:], flush=True)
    if not result:
        print(open(path + ".json").read(), flush=True)
    else:
        print("  " + json.dumps({k: v for k, v in result.items() if k.startswith(("tokens_per", "peak_mb", "planned", "parts", "flash"))}), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emakeel", default="target/release/emakeel")
    parser.add_argument("--out", default="device")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--theirs", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.theirs:
        return theirs(json.loads(options.theirs))
    os.makedirs(options.out, exist_ok=True)
    end = time.monotonic() + options.seconds
    results = {}
    for name, limit, work in STEPS:
        if options.only and name not in options.only:
            continue
        left = end - time.monotonic()
        if left < 15:
            print(f"{name}: no time left")
            continue
        results[name] = run(name, min(limit, left), work, options)
    for name, result in results.items():
        peer = results.get("-".join(name.split("-")[:2]) + "-torch", {})
        if "tokens_per_s" in result and not name.endswith("-torch"):
            line = f"{name}: {result['tokens_per_s']:.0f} tokens/s, MFU {100 * result['mfu']:.1f} %"
            line += f", {result['recomputed_layers']} layers again, {result['peak_mb'] / 1024:.1f} GiB"
            for other in peer.get("all", []):
                ratio = result["tokens_per_s"] / other["tokens_per_s"]
                line += f"; theirs {other['tokens_per_s']:.0f} in {other['peak_mb'] / 1024:.1f} GiB, ratio {ratio:.2f}"
            print(line)


if __name__ == "__main__":
    main()
