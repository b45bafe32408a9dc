"""Writes `adapter_model.bin`: a small adapter as PEFT wrote them before release 0.6, a pickle of tensors.

    python make_pickled.py

Entry k of tensor t is (k % 50 - 20 + t) / 64, which every dtype holds exactly. The four tensors have four dtypes and lie in memory
in four ways.
"""

from collections import OrderedDict
from pathlib import Path

import torch


def values(tensor, rows, columns):
    return ((torch.arange(rows * columns) % 50 - 20 + tensor) / 64).reshape(rows, columns)


def main():
    name = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    wide = torch.cat([torch.zeros(3, 16), values(2, 4, 16)]).to(torch.bfloat16)
    state = OrderedDict()
    state[name.format(0, "A")] = values(0, 4, 16)
    state[name.format(0, "B")] = values(1, 16, 4).half()
    # A part of a larger tensor, and one that lies column by column.
    state[name.format(1, "A")] = wide[3:]
    state[name.format(1, "B")] = values(3, 16, 4).double().t().contiguous().t()
    torch.save(state, Path(__file__).parent / "adapter_model.bin")


main()
