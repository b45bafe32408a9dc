"""Writes quantized.json beside this file: 4- and 8-bit formats as bitsandbytes makes them, on the CPU.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_quantized.py
    python tests/golden/make_quantized.py --logits DIR      writes nothing: how far a model's logits are off in int8
"""

import hashlib
import json
import pathlib
import struct
import sys

import bitsandbytes
import bitsandbytes.functional as functional
import torch

SEED = 12_345


def numbers(count, seed):
    """Cubes of multiples of 1/32768 between -1 and 1, exact in f64 and rounded to f32 once."""
    state, values = seed, []
    for _ in range(count):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % (1 << 64)
        values.append(((state >> 48) / 32_768 - 1) ** 3)
    return torch.tensor(values, dtype=torch.float64).to(torch.float32)


def bits(tensor):
    return [struct.unpack("<I", struct.pack("<f", x))[0] for x in tensor.flatten().tolist()]


def digest(tensor):
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def nf4():
    weight = numbers(300 * 64, SEED).reshape(150, 128)
    codes, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
    return {
        "shape": [150, 128],
        "codes_sha256": digest(codes),
        "scale_codes": state.absmax.tolist(),
        "scale_magnitudes": bits(state.state2.absmax),
        "offset": bits(state.offset.reshape(1))[0],
    }


def int8():
    """Rows of very different sizes, and some of zeros."""
    cases = []
    for name, dtype, rows, columns in [("f32", torch.float32, 601, 1001), ("bf16", torch.bfloat16, 512, 1024)]:
        sizes = torch.tensor([0.0 if row % 100 == 3 else 2.0 ** (row % 13 - 8) for row in range(rows)])
        weight = (numbers(rows * columns, SEED).reshape(rows, columns) * sizes[:, None]).to(dtype)
        kept = bitsandbytes.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False).to("cpu")
        assert kept.data.dtype == torch.int8
        cases.append({
            "dtype": name,
            "seed": SEED,
            "shape": [rows, columns],
            "codes_sha256": digest(kept.data),
            "scales_sha256": digest(kept.SCB),
            "back_sha256": digest(functional.int8_vectorwise_dequant(kept.data, kept.SCB).nan_to_num(0.0)),
        })
    return cases


def logits(folder):
    """Off by how much: the weights of the layers' linear modules in int8, and in int8 with LLM.int8's activations."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    text = pathlib.Path(folder) / "golden.json"
    if text.exists():
        ids = torch.tensor([json.loads(text.read_text())["input_ids"]])
    else:
        generator = torch.Generator().manual_seed(SEED)
        ids = torch.randint(3, model.config.vocab_size, (4, 96), generator=generator)

    def run():
        with torch.no_grad():
            return model(input_ids=ids).logits

    def off(name, got, other):
        largest, root = (got - other).abs().max(), ((got - other).square().mean() / plain.square().mean()).sqrt()
        agree = (got.argmax(-1) == other.argmax(-1)).float().mean()
        print(f"{name}: largest {largest / plain.abs().max():.1e} of the largest logit, root of the mean square "
              f"{root:.1e} of that of the logits, the same next token at {100 * agree:.1f} %")

    plain = run()
    layers = [(parent, name, child) for parent in model.model.layers.modules() for name, child in parent.named_children()
              if isinstance(child, torch.nn.Linear)]
    weights = [child.weight.data.clone() for _, _, child in layers]
    for _, _, child in layers:
        kept = bitsandbytes.nn.Int8Params(child.weight.data, requires_grad=False, has_fp16_weights=False).to("cpu")
        child.weight.data = functional.int8_vectorwise_dequant(kept.data, kept.SCB)
    rounded = run()
    off("weights in int8 beside f32", rounded, plain)
    for (parent, name, child), weight in zip(layers, weights):
        module = bitsandbytes.nn.Linear8bitLt(
            child.in_features, child.out_features, bias=False, has_fp16_weights=False, threshold=6.0)
        module.weight = bitsandbytes.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
        setattr(parent, name, module.to("cpu"))
    # In training on a CPU, bitsandbytes too multiplies with what the codes stand for.
    off("bitsandbytes in training on the CPU beside weights alone", run(), rounded)
    model.eval()
    both = run()
    off("weights and activations in int8 beside f32", both, plain)
    off("weights and activations beside weights alone", both, rounded)


def adamw():
    parameter = torch.nn.Parameter(numbers(700, SEED))
    optimizer = bitsandbytes.optim.AdamW8bit(
        [parameter], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, min_8bit_size=1
    )
    steps = []
    for step in range(5):
        parameter.grad = numbers(700, SEED + 1 + step)
        optimizer.step()
        state = optimizer.state[parameter]
        steps.append({
            "parameters": bits(parameter.detach()),
            "first_codes": state["state1"].tolist(),
            "second_codes": state["state2"].tolist(),
            "first_magnitudes": bits(state["absmax1"]),
            "second_magnitudes": bits(state["absmax2"]),
        })
    return steps


if len(sys.argv) == 3 and sys.argv[1] == "--logits":
    logits(sys.argv[2])
    sys.exit()
golden = {
    "bitsandbytes": bitsandbytes.__version__,
    "torch": torch.__version__.split("+")[0],
    "seed": SEED,
    "nf4": nf4(),
    "int8": int8(),
    "adamw": adamw(),
}
place = pathlib.Path(__file__).with_name("quantized.json")
place.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
