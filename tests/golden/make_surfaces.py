"""Writes surfaces.json: the pieces that SentencePiece gives for texts, by small models of both types with character maps.

    pip install sentencepiece protobuf && python tests/golden/make_surfaces.py

With --check MODEL it reads texts, one JSON string a line, and prints their pieces.
"""

import base64
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece

HERE = pathlib.Path(__file__).parent

TEXTS = [
    "", " ", "  Tere  tulemast,\tsõber! ", "Täna sajab vihma ja homme paistab päike.", "ﬁlm ½ ｆｕｌｌ №5 ①", "e\u0301 o\u0308 Ä",
    "日本語 テスト 🙂🙂 ok 🙂 ja", "<tool> ab<tool>cd <s> </s> <unk>", "▁a▁ b", "jajaja aaaa", "x\u200by \ufeff \u00a0z\u3000", "\u0130\u1e9e ß",
    "zzz qqq 123 ‚‚ “õ”", "tulemasttulemast", "Mis?!... e-post: a.b@c.ee",
]
SENTENCES = [
    "Tere tulemast, kallis sõber!", "Täna sajab vihma ja homme paistab päike.", "Vihma sajab, aga päike paistab ka.",
    "Kas sa tuled homme koju või jääd sinna?", "Ma ei tea, mis homme saab.", "Sõber tuleb koju ja toob leiba, piima ja mett.",
    "The rain falls and the sun shines.", "A friend comes home and brings bread and milk.", "film full of friends",
]
# What becomes what: a few lines of a map, ligatures among them, one text that becomes nothing, and one longer than another.
RULES = "FB01\t66 69\n00BD\t31 2F 32\nFF46\t66\n65 0301\tE9\n200B\t\nA0\t20\n3000\t20\n09\t20\n2460\t31\nC4\t41 65\n"


def models(folder):
    rules = folder / "rules.tsv"
    rules.write_text(RULES, "utf-8")
    text = folder / "text"
    generator = random.Random(1918)
    text.write_text("\n".join(generator.choice(SENTENCES) for _ in range(400)), "utf-8")
    for number, (kind, options) in enumerate([
        ("unigram", {}),
        ("unigram", {"byte_fallback": True, "vocab_size": 420, "remove_extra_whitespaces": False}),
        ("unigram", {"add_dummy_prefix": False}),
        ("bpe", {}),
        ("bpe", {"byte_fallback": True, "vocab_size": 420, "remove_extra_whitespaces": False}),
        ("bpe", {"user_defined_symbols": ["<tool>", "ab<", "aa"], "add_dummy_prefix": False}),
    ]):
        prefix = folder / f"m{number}"
        options = {"vocab_size": 160, **options}
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(prefix), model_type=kind, normalization_rule_tsv=str(rules),
            character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, num_threads=1, **options,
        )
        yield prefix.with_suffix(".model").read_bytes()


def main():
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models(pathlib.Path(folder)):
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            pieces = [processor.encode(text, out_type=str) for text in TEXTS + SENTENCES]
            out.append({"model": base64.b64encode(model).decode(), "pieces": pieces})
    content = {"texts": TEXTS + SENTENCES, "models": out}
    (HERE / "surfaces.json").write_text(json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n", "utf-8")


def check(model):
    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    for line in sys.stdin:
        print(json.dumps(processor.encode(json.loads(line), out_type=str)), flush=True)


if __name__ == "__main__":
    check(sys.argv[2]) if "--check" in sys.argv else main()
