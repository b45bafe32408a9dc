"""Combines small adapters with PEFT, for src/adapter/combine/tests.rs; prints how far each result is from the true deltas.

    python make_combined.py            writes combined.json beside this file
    python make_combined.py A B ...    only prints, for adapter folders of one base (weights 0.7 and 0.3, or equal ones)

"True" is what the method's paper says, done on scale·B·A of each module; "rank r" is the best that any adapter of that
rank can do. Errors are ‖got − true‖ / ‖true‖ over all modules together.
"""

import json
import sys
from pathlib import Path

import peft
import torch
from peft import LoraConfig, get_peft_model
from peft.utils.merge_utils import dare_linear, magnitude_prune, task_arithmetic, ties
from safetensors.torch import load_file

DENSITY = 0.4


class Small(torch.nn.Module):
    def __init__(self, shapes):
        super().__init__()
        for name, (rows, columns) in shapes.items():
            self.add_module(name.replace(".", "-"), torch.nn.Linear(columns, rows, bias=False))


def build(adapters):
    """A PEFT model with the adapters on it, on a base of zeros of their shapes."""
    shapes = {}
    for adapter in adapters:
        for name, (a, b) in adapter["modules"].items():
            shapes[name] = (b.shape[0], a.shape[1])
    model = Small(shapes)
    wrapped = None
    for number, adapter in enumerate(adapters):
        config = LoraConfig(
            r=adapter["rank"],
            lora_alpha=adapter["alpha"],
            use_rslora=adapter["rslora"],
            target_modules=[name.replace(".", "-") for name in adapter["modules"]],
        )
        if wrapped is None:
            wrapped = get_peft_model(model, config, adapter_name="a0")
        else:
            wrapped.add_adapter(f"a{number}", config)
        for name, (a, b) in adapter["modules"].items():
            layer = getattr(wrapped.base_model.model, name.replace(".", "-"))
            layer.lora_A[f"a{number}"].weight.data = a.clone()
            layer.lora_B[f"a{number}"].weight.data = b.clone()
    return wrapped, shapes


def deltas(wrapped, shapes, name):
    layers = {path: getattr(wrapped.base_model.model, path.replace(".", "-")) for path in shapes}
    return {path: layer.get_delta_weight(name).detach() for path, layer in layers.items() if name in layer.lora_A}


def true_sum(each, weights, method):
    result = {}
    for path in sorted({path for adapter in each for path in adapter}):
        held = [(adapter[path], weight) for adapter, weight in zip(each, weights) if path in adapter]
        tensors, factors = [tensor for tensor, _ in held], torch.tensor([weight for _, weight in held])
        if method in ("linear", "cat", "svd"):
            result[path] = task_arithmetic(tensors, factors)
        elif method.startswith("ties"):
            result[path] = ties(tensors, factors, DENSITY)
        elif method.startswith("magnitude"):
            result[path] = magnitude_prune(tensors, factors, DENSITY)
    return result


def cut(matrices, rank):
    result = {}
    for path, matrix in matrices.items():
        u, s, v = torch.linalg.svd(matrix, full_matrices=False)
        result[path] = u[:, :rank] @ torch.diag(s[:rank]) @ v[:rank]
    return result


def far(got, true):
    difference = sum(float((got[path] - true[path]).square().sum()) for path in true)
    return (difference / sum(float(true[path].square().sum()) for path in true)) ** 0.5


def combine(adapters, weights, method, rank=None):
    wrapped, shapes = build(adapters)
    names = [f"a{number}" for number in range(len(adapters))]
    density = DENSITY if "ties" in method or "prune" in method else None
    wrapped.base_model.add_weighted_adapter(names, weights, "out", combination_type=method, svd_rank=rank, density=density)
    each = [deltas(wrapped, shapes, name) for name in names]
    return deltas(wrapped, shapes, "out"), true_sum(each, weights, method)


def report(label, adapters, weights):
    ranks = [adapter["rank"] for adapter in adapters]
    for method in ("cat", "svd", "linear", "ties", "ties_svd", "magnitude_prune", "magnitude_prune_svd"):
        try:
            got, true = combine(adapters, weights, method)
        except ValueError as error:
            print(f"{label} {method}: refused ({str(error)[:60]})")
            continue
        best = far(cut(true, max(ranks)), true)
        print(f"{label} {method}: {far(got, true):.3f} of the true update; the best of rank {max(ranks)} is {best:.3f} off")


def drawn(modules, rank, alpha, rslora, seed):
    generator = torch.Generator().manual_seed(seed)
    pair = lambda rows, columns: (
        torch.randn(rank, columns, generator=generator).mul(0.3).round(decimals=4),
        torch.randn(rows, rank, generator=generator).mul(0.3).round(decimals=4),
    )
    return {"rank": rank, "alpha": alpha, "rslora": rslora, "modules": {n: pair(*s) for n, s in modules.items()}}


def golden():
    q, v = {"layers.0.q_proj": (12, 18)}, {"layers.0.v_proj": (15, 18)}
    sets = {
        "same": ([drawn(q | v, 3, 12, False, 1), drawn(q | v, 3, 12, False, 2)], [0.7, 0.3]),
        "unequal": ([drawn(q | v, 4, 10, False, 3), drawn(q, 2, 3, True, 4), drawn(v, 3, 7, False, 5)], [1.0, 0.5, 0.8]),
        "minus": ([drawn(q | v, 3, 6, False, 6), drawn(q | v, 2, 6, False, 7)], [1.0, -0.6]),
        "rslora": ([drawn(q | v, 4, 6, True, 8), drawn(q | v, 4, 6, True, 9)], [0.5, 0.5]),
    }
    file = {"peft": peft.__version__, "density": DENSITY, "sets": {}}
    plain = lambda matrices: {path: [round(float(x), 6) for x in m.flatten()] for path, m in matrices.items()}
    for name, (adapters, weights) in sets.items():
        report(name, adapters, weights)
        results = {}
        for method in ("cat", "svd", "ties_svd", "magnitude_prune_svd", "linear", "ties"):
            try:
                results[method] = plain(combine(adapters, weights, method)[0])
            except ValueError:
                pass  # unequal ranks
        written = [
            {k: a[k] for k in ("rank", "alpha", "rslora")}
            | {"modules": {n: {"a": x.tolist(), "b": y.tolist()} for n, (x, y) in a["modules"].items()}}
            for a in adapters
        ]
        written = json.loads(json.dumps(written), parse_float=lambda text: round(float(text), 4))
        file["sets"][name] = {"adapters": written, "weights": weights, "results": results}
    text = json.dumps(file, separators=(",", ":"))
    Path(__file__).with_name("combined.json").write_text(text + "\n")
    print(len(text), "bytes")


def opened(folder):
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter_model.safetensors")
    modules = {}
    for name, a in tensors.items():
        if name.endswith(".lora_A.weight"):
            path = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            modules[path] = (a, tensors[name.replace("lora_A", "lora_B")])
    return {"rank": config["r"], "alpha": config["lora_alpha"], "rslora": config["use_rslora"], "modules": modules}


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 2:
        adapters = [opened(folder) for folder in sys.argv[1:]]
        weights = [0.7, 0.3] if len(adapters) == 2 else [1 / len(adapters)] * len(adapters)
        report("given", adapters, weights)
    else:
        golden()
