"""Writes llama3.json: what tiktoken gives for the texts in ../shared/data with Llama 3's tokenizer.model.

    python tests/golden/make_llama3.py ../shared/data tests/golden/llama3.json

Needs tiktoken and numpy. For each file: the number of ids and the FNV-1a hash of the ids (little-endian u32) of its lines one by one, with the
id 0xffffffff after each. For each short text: the ids. Text that looks like a special token is ordinary text.
"""

import base64
import json
import pathlib
import random
import sys

import numpy
import tiktoken

PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
FOLDERS = ["text_et", "text_en", "tokenizers/vectors"]


def short_texts():
    texts = ["", " ", "\n", "\t", "\r\n", "a\0b", "<|eot_id|>", "x<|begin_of_text|>y", "I'M he'S we'Ll", "ſ'ſ", "1234567890", "Ⅷ½²"]
    texts += [" " * n + "b" for n in range(1, 40)] + ["a" + "\n" * n + " " * n + "b" for n in range(1, 20)]
    texts += [c * n for c in "a.=-*/e😀õ" for n in (2, 3, 5, 8, 13, 33, 64, 100)]
    texts += ["👩‍👩‍👧‍👦 🇪🇪 🤷🏽‍♀️", "Žürii õhtuöö äike", "ﬁ Ⅷ ｆｕｌｌ", "e\u0301 o\u0308", "\ufeffx", "\u00a0x\u3000y\u200b", "𝕐𐍈", "\u10d0\u10d1 \u10d2"]
    generator = random.Random(3)
    alphabet = list("aabcdeeiiknoorsstu  ..,=-(){}\n\t\r0123456789ABCÕÄÖÜõäöü'<>/s") + ["😀", "š", "ž", "中", "文", "й", "ا", "ก", "  ", "\u00a0"]
    return texts + ["".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 60))) for _ in range(400)]


def fnv1a(ids):
    value = 0xCBF29CE484222325
    for byte in numpy.asarray(ids, dtype="<u4").tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main(data, target):
    data = pathlib.Path(data)
    lines = (data / "tokenizers/llama3/tokenizer.model").read_bytes().splitlines()
    ranks = {base64.b64decode(piece): int(rank) for piece, rank in (line.split() for line in lines if line)}
    model = tiktoken.Encoding("llama3", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    golden = {"version": tiktoken.__version__, "files": {}, "texts": short_texts()}
    golden["ids"] = [model.encode_ordinary(text) for text in golden["texts"]]
    files = sorted(path for folder in FOLDERS for path in (data / folder).rglob("*") if path.suffix != ".gguf" and path.is_file())
    count = 0
    for path in files:
        ids = []
        for line in path.read_bytes().decode("utf-8").split("\n"):
            ids += model.encode_ordinary(line) + [0xFFFFFFFF]
            count += 1
        golden["files"][str(path.relative_to(data))] = [len(ids), fnv1a(ids)]
    print(count, "lines", file=sys.stderr)
    pathlib.Path(target).write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")


main(*sys.argv[1:])
