"""Writes loftq.json beside this file: what PEFT's `loftq_init` makes of a small weight, on the CPU.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_loftq.py

PEFT sends the weight to a GPU by name; here that name means the CPU. It keeps scales in f32; `double` are the same rounds
with scales in 8 bits (`compress_statistics`), as a base for QLoRA has them.
"""

import contextlib
import json
import pathlib

import bitsandbytes.functional as functional
import peft
import torch
from peft.utils.loftq_utils import loftq_init

ROWS, COLUMNS, RANK = 32, 64, 4


def weight():
    """A part of low rank and one of none, of whole numbers, so that every program makes the same f32."""
    row, column = torch.arange(ROWS)[:, None], torch.arange(COLUMNS)[None, :]
    low = (row * 7 % 13 - 6) * (column * 5 % 11 - 5)
    noise = (row * COLUMNS + column) * 7919 % 1009 - 504
    return (low.double() / 1000 + noise.double() / 20000).float()


@contextlib.contextmanager
def cuda_is_the_cpu(double, made):
    """Also lets scales be in 8 bits, and keeps what is quantized."""
    to = torch.Tensor.to

    def moved(self, *args, **kwargs):
        args = ["cpu" if arg == "cuda" else arg for arg in args]
        if kwargs.get("device") == "cuda":
            kwargs["device"] = "cpu"
        return to(self, *args, **kwargs)

    import bitsandbytes.nn as nn
    saved = [(kind, kind.to) for kind in (torch.Tensor, nn.Params4bit, nn.Int8Params)]

    def quantized(params):
        def to(self, *args, **kwargs):
            self.compress_statistics = double
            found = params(self, *["cpu" if arg == "cuda" else arg for arg in args], **kwargs)
            made.append(found)
            return found
        return to

    torch.Tensor.to = moved
    nn.Params4bit.to, nn.Int8Params.to = quantized(nn.Params4bit.to), quantized(nn.Int8Params.to)
    try:
        yield
    finally:
        for owner, method in saved:
            owner.to = method


def case(bits, rounds, double=False):
    original, made = weight(), []
    with cuda_is_the_cpu(double, made):
        kept, a, b = loftq_init(original, num_bits=bits, reduced_rank=RANK, num_iter=rounds)
    found = {
        "bits": bits,
        "rounds": rounds,
        "double": double,
        "weight_norm": float(original.double().norm()),
        "lost_without": float((original - kept).double().norm()),
        "lost_with": float((original.double() - kept.double() - b.double() @ a.double()).norm()),
    }
    last = made[-1]
    again = functional.dequantize_4bit(last.data, last.quant_state) if bits == 4 else \
        functional.int8_vectorwise_dequant(last.data, last.SCB)
    assert torch.equal(again, kept)
    found["codes"] = bytes(last.data.flatten().view(torch.uint8).tolist()).hex()
    return found


golden = {
    "peft": peft.__version__,
    "shape": [ROWS, COLUMNS],
    "rank": RANK,
    "cases": [case(bits, rounds) for bits in (4, 8) for rounds in (1, 5)] + [case(4, rounds, True) for rounds in (1, 5)],
}
place = pathlib.Path(__file__).with_name("loftq.json")
place.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
