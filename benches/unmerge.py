"""The base brought back from a merged model: how large what is kept is, and how long keeping it and bringing it back take.

    cargo build --release
    python benches/unmerge.py --emakeel target/release/emakeel --folder /tmp/unmerge [--shape 7b --layers 8] [--dtype F32]
    python benches/unmerge.py --emakeel target/release/emakeel --folder /tmp/unmerge --base BASE ADAPTER[:WEIGHT]...

Without --base, base and adapter are those of merge.py: random weights, a LoRA of rank 16 on all linear modules. Plain merges,
merges that keep and unmerges take turns, each a process of its own; the base's files are compared byte for byte at the end.
"""

import argparse
import filecmp
import json
import multiprocessing
import os
import shutil

import numpy as np

import merge


def random_base(folder, shape, dtype):
    merge.write_base(folder, shape)
    if dtype == "BF16":
        return
    for name in os.listdir(folder):
        if "safetensors" in name:
            os.remove(os.path.join(folder, name))
    config = os.path.join(folder, "config.json")
    text = json.load(open(config)) | {"torch_dtype": "float32"}
    json.dump(text, open(config, "w"))
    numbers = np.random.default_rng(7)
    values = lambda _, dims: (numbers.random(int(np.prod(dims)), dtype=np.float32) - np.float32(0.5)) * np.float32(0.07)
    entries = [(name, "F32", dims) for name, dims in merge.tensors(shape)]
    merge.write(os.path.join(folder, "model.safetensors"), entries, values)


def write_all(base, adapter, shape, dtype):
    random_base(base, shape, dtype)
    merge.write_adapter(adapter, base, shape)


def weights(folder):
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".safetensors"))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--emakeel", required=True, help="the program")
    args.add_argument("--folder", required=True, help="where the files are written, in a folder that is not there yet")
    args.add_argument("--base", help="a model's folder, instead of random weights")
    args.add_argument("adapters", nargs="*", help="adapters of that base")
    args.add_argument("--shape", choices=merge.SHAPES, default="7b")
    args.add_argument("--layers", type=int, help="this many layers instead of the shape's")
    args.add_argument("--dtype", choices=("BF16", "F32"), default="BF16", help="of random weights")
    args.add_argument("--times", type=int, default=2)
    args = args.parse_args()
    place = lambda name: os.path.join(args.folder, name)
    os.makedirs(args.folder)
    base, adapters = args.base, args.adapters
    if base is None:
        shape = merge.SHAPES[args.shape]
        shape = (shape[0], args.layers or shape[1], *shape[2:])
        base, adapters = place("base"), [place("adapter")]
        # In a process of its own, as in merge.py.
        writer = multiprocessing.Process(target=write_all, args=(base, adapters[0], shape, args.dtype))
        writer.start()
        writer.join()
    out, back, size = place("out"), place("back"), weights(base)
    print(f"the base's weights: {size / 1e6:.1f} MB", flush=True)
    plain = [args.emakeel, "merge", base, *adapters, "--out", out, "--quiet"]
    undo = [args.emakeel, "unmerge", out, "--out", back, "--quiet"]
    for turn in range(args.times):
        for name, command, reads, writes in [
            ("merge", plain, base, out), ("keep", [*plain, "--keep-delta"], base, out), ("unmerge", undo, out, back),
        ]:
            figures = merge.timed(command, reads, writes)
            figures["mb_per_s"] = round(size / 1e6 / figures["seconds"])
            print(turn, name, json.dumps(figures), flush=True)
        kept = os.path.getsize(os.path.join(out, "base.delta"))
        _, differ, missing = filecmp.cmpfiles(base, back, sorted(os.listdir(base)), shallow=False)
        print(turn, f"base.delta: {kept / 1e6:.2f} MB, {100 * kept / size:.2f} % of the weights; differ: {differ + missing}", flush=True)
    shutil.rmtree(args.folder)


if __name__ == "__main__":
    main()
