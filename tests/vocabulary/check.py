"""Tokenizes files with tokenizers, transformers and SentencePiece from folders that emakeel wrote; driven by tests/parity/vocabulary.rs.

    python check.py JOBS.json

A job is {"folder": folder, "files": [text files], "out": file}. Every line of the files is tokenized, without BOS, by each reader; `out`
gets the number of lines, and for each reader the count and the FNV-1a hash of all ids, the id 0xffffffff after each line. Text that looks
like a special token, as `<unk>` in WikiText, stays text.
"""

import json
import sys
from pathlib import Path

import numpy
import sentencepiece
import tokenizers
import transformers


def fnv1a(ids):
    value = 0xCBF29CE484222325
    for byte in numpy.asarray(ids, dtype="<u4").tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def readers(folder):
    crate = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    crate.encode_special_tokens = True
    yield "tokenizers", lambda lines: [one.ids for one in crate.encode_batch(lines, add_special_tokens=False)]
    fast = transformers.PreTrainedTokenizerFast.from_pretrained(folder, split_special_tokens=True)
    yield "transformers", lambda lines: fast(lines, add_special_tokens=False)["input_ids"]
    if (folder / "tokenizer.model").exists():
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        yield "sentencepiece", pieces.encode


def run(job):
    lines = [line for file in job["files"] for line in Path(file).read_text().split("\n")]
    result = {"lines": len(lines)}
    for name, encode in readers(Path(job["folder"])):
        ids = [id for line in encode(lines) for id in line + [0xFFFFFFFF]]
        result[name] = [len(ids), fnv1a(ids)]
    Path(job["out"]).write_text(json.dumps(result))


for job in json.loads(Path(sys.argv[1]).read_text()):
    run(job)
