"""Writes quantized.json beside this file: 4- and 8-bit formats as bitsandbytes makes them, on the CPU.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_quantized.py
"""

import hashlib
import json
import pathlib
import struct

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


golden = {
    "bitsandbytes": bitsandbytes.__version__,
    "torch": torch.__version__.split("+")[0],
    "seed": SEED,
    "nf4": nf4(),
    "adamw": adamw(),
}
place = pathlib.Path(__file__).with_name("quantized.json")
place.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
