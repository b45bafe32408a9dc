"""Writes sentencepiece.json: what SentencePiece itself gives for the texts in ../shared/data.

    python tests/golden/make_sentencepiece.py ../shared/data tests/golden/sentencepiece.json

Needs sentencepiece, protobuf and numpy. For each model and file: the number of ids and the FNV-1a hash of the ids (little-endian u32) of the file as one text,
and of its lines one by one with the id 0xffffffff after each. For each short text: the ids. Then small made-up models, one for each way
in which a model can write spaces and unseen characters, with equal scores and literals in them: the file, texts, ids.
"""

import json
import pathlib
import random
import sys

import numpy
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

MODELS = ["tokenizers/llama2/tokenizer.model", "checkpoints/stories260K/tok512.model"]
FOLDERS = ["text_et", "text_en", "tokenizers/vectors"]


def short_texts():
    texts = ["", " ", "\n", "\t", "\r\n", "▁", "a▁b", "▁▁ ▁", "a\0b", "<s>", "</s>", "x</s>y", "<unk>", "<0x0A>", "[INST]"]
    texts += [" " * n for n in range(1, 70)] + ["a" + " " * n + "b" for n in range(1, 40)]
    texts += [c * n for c in "a.=-*#/eou😀õ" for n in (2, 3, 5, 8, 13, 33, 64, 100)]
    texts += ["👩‍👩‍👧‍👦 🇪🇪 🤷🏽‍♀️", "Žürii õhtuöö äike", "ﬁ Ⅷ ｆｕｌｌ", "e\u0301 o\u0308", "\ufeffx", "\u00a0x\u3000y\u200b", "𝕐𐍈"]
    generator = random.Random(2404)
    alphabet = list("aabcdeeiiknoorsstu  ..,=-(){}\n\t0123456789ABCÕÄÖÜõäöü▁<>/s") + ["😀", "š", "ž", "中", "文", "й", "ا", "ก", "  ", "    "]
    texts += ["".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 60))) for _ in range(400)]
    few = list("ab ana.")
    texts += ["".join(generator.choice(few) for _ in range(generator.randrange(1, 40))) for _ in range(200)]
    return texts


def fnv1a(ids):
    value = 0xCBF29CE484222325
    for byte in numpy.asarray(ids, dtype="<u4").tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def small_models():
    generator = random.Random(1848)
    letters = list("abcdef") + ["▁", "õ"]
    for number in range(24):
        proto = sentencepiece_model_pb2.ModelProto()
        proto.trainer_spec.model_type = 2
        proto.trainer_spec.byte_fallback = number % 2 == 0
        proto.normalizer_spec.name = "identity"
        proto.normalizer_spec.add_dummy_prefix = number // 2 % 2 == 0
        proto.normalizer_spec.remove_extra_whitespaces = number // 4 % 2 == 0
        pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
        if number // 8 % 2 == 0:
            pieces += [("<tool>", 0.0, 4), ("ab<", 0.0, 4), ("ab", 0.0, 4)]
        if proto.trainer_spec.byte_fallback:
            pieces += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
        known = list(letters)
        while len(known) < 60:
            piece = generator.choice(known) + generator.choice(known)
            if piece not in known and len(piece) < 7 and piece not in [p for p, _, _ in pieces]:
                known.append(piece)
        # Few scores, so that many merges are equal.
        pieces += [(piece, float(-generator.randrange(1, 9)), 1) for piece in known]
        for piece, score, kind in pieces:
            proto.pieces.add(piece=piece, score=score, type=kind)
        content = proto.SerializeToString()
        model = sentencepiece.SentencePieceProcessor(model_proto=content)
        alphabet = list("aabbbccdef    õxyz") + ["<tool>", "▁", "中", "😀", "\n"]
        texts = ["", " ", "  ", "▁", "xyz", " x  y ", "<tool>", " <tool> ", "a<tool>", "abab<"]
        texts += ["".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 30))) for _ in range(60)]
        yield {"model": content.hex(), "texts": texts, "ids": [model.encode(text) for text in texts]}


def main(data, target):
    data = pathlib.Path(data)
    files = sorted(path for folder in FOLDERS for path in (data / folder).rglob("*") if path.suffix != ".gguf" and path.is_file())
    texts = short_texts()
    golden = {"version": sentencepiece.__version__, "texts": texts, "models": {}, "small": list(small_models())}
    for name in MODELS:
        model = sentencepiece.SentencePieceProcessor(model_file=str(data / name))
        entry = golden["models"][name] = {"files": {}, "texts": [model.encode(text) for text in texts]}
        for path in files:
            text = path.read_bytes().decode("utf-8")
            whole = model.encode(text)
            lines = []
            for line in text.split("\n"):
                lines += model.encode(line) + [0xFFFFFFFF]
            entry["files"][str(path.relative_to(data))] = [len(whole), fnv1a(whole), len(lines), fnv1a(lines)]
            print(name, path, len(whole), file=sys.stderr)
    pathlib.Path(target).write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")


main(*sys.argv[1:])
