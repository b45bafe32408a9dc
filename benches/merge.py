"""Merging an adapter into a model on disk: emakeel, `cp -r` and PEFT in turns.

    cargo build --release
    python benches/merge.py --emakeel target/release/emakeel --folder /tmp/merge [--shape 3b] [--times 2] [--no-peft]

The base is a Llama of random bf16 weights in shards of 5 GB, the adapter a LoRA of rank 16 on all linear modules, both written
to --folder on the spot. Each command is a process of its own, followed by a `sync`, so that what is timed is on the disk; its
output is removed before the next. Before each, the system is asked to forget the base's files, so that all read from the disk.
Peak memory is the largest resident set of the process.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time

import numpy as np

# hidden, layers, heads, MLP, vocabulary
SHAPES = {"7b": (4096, 32, 32, 11008, 32000), "3b": (3200, 26, 32, 8640, 32000), "tiny": (64, 2, 4, 160, 512)}
SHARD = 5_000_000_000
RANK = 16

PEFT = """
import sys, torch
from transformers import LlamaForCausalLM
from peft import PeftModel
base, adapter, out = sys.argv[1:]
model = LlamaForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out, max_shard_size="5GB")
"""


def tensors(shape):
    """The names and shapes of a Llama's weights, in the order in which they are written."""
    hidden, layers, _, mlp, vocab = shape
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        yield f"{prefix}.input_layernorm.weight", (hidden,)
        for name, size in modules(shape):
            yield f"{prefix}.{name}.weight", size
        yield f"{prefix}.post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocab, hidden)


def modules(shape):
    """The linear modules of a layer: name, (out, in)."""
    hidden, _, _, mlp, _ = shape
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        yield f"self_attn.{name}", (hidden, hidden)
    yield "mlp.gate_proj", (mlp, hidden)
    yield "mlp.up_proj", (mlp, hidden)
    yield "mlp.down_proj", (hidden, mlp)


def random_bf16(numbers, size):
    """Values of a standard deviation near 0.02: the upper halves of f32 values are bf16 values."""
    values = numbers.random(int(np.prod(size)), dtype=np.float32)
    values -= 0.5
    values *= 0.07
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def write(path, entries, values):
    """A file of safetensors, one tensor after the other."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, dtype, size in entries:
        end = at + int(np.prod(size)) * {"BF16": 2, "F32": 4}[dtype]
        header[name] = {"dtype": dtype, "shape": list(size), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, _, size in entries:
            file.write(values(name, size).tobytes())
    return at


def write_base(folder, shape):
    hidden, layers, heads, mlp, vocab = shape
    os.makedirs(folder)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": heads, "intermediate_size": mlp, "vocab_size": vocab,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": False, "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2,
    }
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    shards, size = [[]], 0
    for name, dims in tensors(shape):
        bytes_ = 2 * int(np.prod(dims))
        if size + bytes_ > SHARD:
            shards.append([])
            size = 0
        shards[-1].append((name, "BF16", dims))
        size += bytes_
    numbers, places, total = np.random.default_rng(7), {}, 0
    for index, entries in enumerate(shards, 1):
        file = f"model-{index:05}-of-{len(shards):05}.safetensors"
        total += write(os.path.join(folder, file), entries, lambda _, dims: random_bf16(numbers, dims))
        places.update({name: file for name, _, _ in entries})
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": total}, "weight_map": places}, file)
    return total


def write_adapter(folder, base, shape):
    os.makedirs(folder)
    names = [name.split(".")[1] for name, _ in modules(shape)]
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": RANK, "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0, "target_modules": names, "bias": "none", "inference_mode": True,
    }
    with open(os.path.join(folder, "adapter_config.json"), "w") as file:
        json.dump(config, file)
    entries = []
    for layer in range(shape[1]):
        for name, (out, into) in modules(shape):
            prefix = f"base_model.model.model.layers.{layer}.{name}"
            entries += [(f"{prefix}.lora_A.weight", "F32", (RANK, into)), (f"{prefix}.lora_B.weight", "F32", (out, RANK))]
    numbers = np.random.default_rng(8)
    values = lambda _, dims: numbers.standard_normal(dims, dtype=np.float32) * np.float32(0.01)
    write(os.path.join(folder, "adapter_model.safetensors"), entries, values)


def write_all(base, adapter, name):
    total = write_base(base, SHAPES[name])
    write_adapter(adapter, base, SHAPES[name])
    print(f"{name}: {total / 1e9:.1f} GB", flush=True)


def forget(folder):
    """Asks the system to drop the pages of a folder's files from memory."""
    for root, _, files in os.walk(folder):
        for name in files:
            handle = os.open(os.path.join(root, name), os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def timed(command, base, out):
    """Seconds until the output is on the disk, peak MiB, and processor seconds."""
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    forget(base)
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed: {errors.decode()}")
    os.sync()
    seconds = time.time() - started
    return {"seconds": round(seconds, 1), "peak_mib": usage.ru_maxrss // 1024, "cpu_s": round(usage.ru_utime + usage.ru_stime, 1)}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--emakeel", required=True, help="the program")
    args.add_argument("--folder", required=True, help="where the files are written, in a folder that is not there yet")
    args.add_argument("--shape", choices=SHAPES, default="7b")
    args.add_argument("--times", type=int, default=2)
    args.add_argument("--peft", action=argparse.BooleanOptionalAction, default=True)
    args = args.parse_args()
    base, adapter, out = (os.path.join(args.folder, name) for name in ("base", "adapter", "out"))
    # In a process of its own: what a process had resident when it started another counts as the other's.
    writer = multiprocessing.Process(target=write_all, args=(base, adapter, args.shape))
    writer.start()
    writer.join()
    commands = {
        "copy": ["cp", "-r", base, out],
        "emakeel": [args.emakeel, "merge", base, adapter, "--out", out, "--quiet"],
    }
    if args.peft:
        commands["peft"] = [sys.executable, "-c", PEFT, base, adapter, out]
    for turn in range(args.times):
        for name, command in commands.items():
            print(turn, name, json.dumps(timed(command, base, out)), flush=True)
    shutil.rmtree(args.folder)


if __name__ == "__main__":
    main()
