"""Writes metrics.json: what sacreBLEU says about small texts and, where ../shared is there, about a real corpus.

    pip install sacrebleu==2.6.0 regex && python tests/golden/metrics.py

With --check it reads lines of JSON on standard input, {"output": file, "references": [files], "resamples": n}, and prints
what sacreBLEU says about each: all scores of VARIANTS, with signatures. tests/parity/metrics.rs asks it so.

The SQuAD numbers come from a plain rendering of the rules of evaluate-v1.1.py below.
"""

import collections
import json
import pathlib
import re
import string
import sys

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

HERE = pathlib.Path(__file__).parent
SHARED = HERE.parent.parent.parent / "shared"

# Every option, alone and with others. BLEU without tokens would warn of text that looks tokenized.
VARIANTS = {
    "bleu": lambda: BLEU(),
    "bleu intl": lambda: BLEU(tokenize="intl"),
    "bleu char": lambda: BLEU(tokenize="char"),
    "bleu none": lambda: BLEU(tokenize="none", force=True),
    "bleu lc": lambda: BLEU(lowercase=True),
    "bleu effective": lambda: BLEU(effective_order=True),
    "bleu smooth none": lambda: BLEU(smooth_method="none"),
    "bleu smooth floor": lambda: BLEU(smooth_method="floor"),
    "bleu smooth floor 0.5 effective": lambda: BLEU(smooth_method="floor", smooth_value=0.5, effective_order=True),
    "bleu smooth add-k": lambda: BLEU(smooth_method="add-k"),
    "bleu smooth add-k 0.3 intl lc": lambda: BLEU(smooth_method="add-k", smooth_value=0.3, tokenize="intl", lowercase=True),
    "chrf": lambda: CHRF(),
    "chrf++": lambda: CHRF(word_order=2),
    "chrf lc": lambda: CHRF(lowercase=True),
    "chrf space": lambda: CHRF(whitespace=True),
    "chrf eps": lambda: CHRF(eps_smoothing=True),
    "chrf++ eps space lc": lambda: CHRF(word_order=2, eps_smoothing=True, whitespace=True, lowercase=True),
    "ter": lambda: TER(),
    "ter case": lambda: TER(case_sensitive=True),
    "ter normalized": lambda: TER(normalized=True),
    "ter no-punct": lambda: TER(no_punct=True),
    "ter normalized no-punct asian case": lambda: TER(True, True, True, True),
}

# name: [(answer, [references])]
CORPORA = {
    "equal": [("Täna sajab vihma ja homme paistab päike.", ["Täna sajab vihma ja homme paistab päike."])],
    "close": [
        ("The old mill stands behind the river.", ["The old mill stands on the far side of the river."]),
        ("She bought three apples, two pears and a melon.", ["She bought three apples, two pears and one melon."]),
        ("Nobody knew why the bell rang at 4.30 a.m.", ["No one knew why the bell had rung at 4:30 a.m."]),
    ],
    "nothing in common": [("kolm karu", ["viis hunti jooksid metsas"]), ("üks", ["kaks kolm neli viis"])],
    "one word each": [("jah", ["jah"]), ("ei", ["ei"])],
    "no order above two": [("vana maja", ["vana maja"]), ("suur puu", ["väike puu"])],
    "empty answers": [("", ["Midagi pidi siin olema."]), ("   ", ["Siin ka."])],
    "some answers empty": [("", ["Midagi pidi siin olema."]), ("Siin on midagi muud kui seal.", ["Siin on midagi muud kui siin."])],
    "too long": [("ta ütles et ta ütles et ta ütles et ta tuleb", ["ta ütles et ta tuleb"])],
    "too short": [("ta tuleb kohe koju", ["ta ütles mulle eile õhtul telefonis, et ta tuleb kohe koju"])],
    "repeated words": [("the the the the the the", ["the cat sat on the mat near the door"])],
    "punctuation": [
        ("„Kas sa tuled?“ küsis ta – ja läks.", ["\"Kas sa tuled?\" küsis ta - ja läks."]),
        ("Hind: 1,5–2,75 €/kg (km-ga 22%)...", ["Hind : 1,5-2,75 eurot/kg (koos käibemaksuga 22 %) ..."]),
        ("e-post: a.b@näide.ee; vt https://näide.ee/?a=1&b=2", ["E-post: a.b@näide.ee, vt https://näide.ee/?a=1&b=3"]),
        ("..,,--''", ["..,--'"]),
        ("3.14.,15 .5 5. ,5 5, -5 5- 5-6", ["3.14,15 .5 5. ,5 5, -5 5- 5-7"]),
    ],
    "entities and skipped": [
        ("A &amp; B &lt;nüüd&gt; &quot;siis&quot; &amp;lt;", ["A & B <nüüd> \"siis\" <"]),
        ("pikk sõna on pooli-\ntatud siin <skipped>lõpus", ["pikk sõna on poolitatud siin lõpus"]),
        ("rida üks\nrida kaks on ka siin-\n", ["rida üks rida kaks on ka siin"]),
    ],
    "odd characters": [
        ("naïve café 日本語 テスト 🙂🙂 ok ja edasi", ["naïve cafe\u0301 日本語 テスト 🙂 ok ja edasi"]),
        ("a\u00a0b\u2003c\u3000d\u001ce\u001ff\u0085g", ["a b c d e f g"]),
        ("null\u200bsamm ja tühik \ufeff lõpus on siin", ["nullsamm ja tühik lõpus on siin"]),
        ("İstanbul ĳs ﬁ ẞ ja veel midagi", ["Istanbul ijs fi ss ja veel midagi"]),
    ],
    "several references": [
        ("Koer jookseb kiiresti üle välja.", ["Koer jookseb üle välja kiiresti.", "Peni lippab kiiresti üle suure välja."]),
        ("Ta istus.", ["Ta istus maha.", "Ta istus.", "Ta jäi istuma ja ei öelnud sõnagi."]),
        ("See on päris hea mõte!", ["Päris hea mõte.", "See on üsna hea mõte!", "Hea mõte!"]),
    ],
    "reference lengths tie": [
        ("ta tuleb kohe koju", ["ta tuleb koju", "ta tuleb kohe varsti koju", "täna tuleb ta kohe koju"]),
        ("kolm karu sõid ära kogu pudru", ["karud sõid ära kogu selle suure pudru", "kolm karu sõid ära pudru"]),
    ],
    "references differ in number": [
        ("Koer jookseb kiiresti.", ["Koer jookseb kiiresti üle välja.", "Koer lippab kiiresti."]),
        ("Kass magab terve päeva pliidi peal.", ["Kass magab kogu päeva pliidi peal."]),
    ],
    "empty reference": [("midagi", [""]), ("Siin on aga kõik hästi.", ["Siin on aga kõik väga hästi."])],
    "words moved": [
        ("homme õhtul tuleb ta koju ja siis läheme", ["ta tuleb koju homme õhtul ja siis läheme"]),
        ("a b c d e f g h i j k l m n", ["h i j k l m n a b c d e f g"]),
        ("b a d c f e h g", ["a b c d e f g h"]),
        ("ja ja ei ei ja ja ei", ["ei ja ja ei ja ei ja ja", "ja ei ei ja"]),
        ("Mary's 4.5 % dogs' 'it's", ["the dogs' of Mary's 4.5% it's"]),
        (" ".join(f"w{i % 7}" for i in range(60)), [" ".join(f"w{i * 3 % 7}" for i in range(60))]),
        (" ".join(f"w{i % 11}" for i in range(5)), [" ".join(f"w{i * 3 % 11}" for i in range(90))]),
        (" ".join(f"w{i % 11}" for i in range(90)), [" ".join(f"w{i * 3 % 11}" for i in range(5))]),
    ],
    "other scripts": [
        ("日本語、テスト。「はい」と（言った）", ["日本語のテスト。「いいえ」と（言った）"]),
        ("№5 ½ „jah“ 5½€ ²³ a²b", ["№ 5 ½ „jah“ 5½ € ²³ a² b"]),
        ("ΟΔΟΣ İı ǅ", ["οδος iı ǆ"]),
    ],
    "words with marks": [("(tere) \"ahoi õ . nii!? 'jah' a, b c.", ["(tere ahoi\" õ. nii?! jah' 'a b, c ."])],
}

SQUAD = [
    ("the Cat's house", ["a cats house"]),
    ("An old, old man.", ["old man", "the old man and the sea"]),
    ("in 1985-1990", ["1985–1990", "1985 1990"]),
    ("The", ["A"]),
    ("theatre an-the", ["theatre"]),
    ("“the” Beatles", ["Beatles", "“ ” beatles"]),
    ("Tallinn", ["Tartu"]),
    ("new new york", ["new york york"]),
]


def normalise(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(answer, reference):
    answer, reference = normalise(answer).split(), normalise(reference).split()
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((collections.Counter(answer) & collections.Counter(reference)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(answer), shared / len(reference)
    return 2 * precision * recall / (precision + recall)


def scores(rows, variants=VARIANTS):
    answers = [answer for answer, _ in rows]
    most = max(len(references) for _, references in rows)
    streams = [[refs[i] if i < len(refs) else None for _, refs in rows] for i in range(most)]
    out = {}
    for name in variants:
        metric = VARIANTS[name]()
        out[name] = [metric.corpus_score(answers, streams).score, str(metric.get_signature())]
    return out


def sentence_scores(answer, references):
    metrics = [("bleu", BLEU(effective_order=True)), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2)), ("ter", TER())]
    return {name: metric.sentence_score(answer, references).score for name, metric in metrics}


def lines(path):
    return pathlib.Path(path).read_text("utf-8").split("\n")[:-1]


def check():
    for request in map(json.loads, sys.stdin):
        columns = [lines(request["output"])] + [lines(path) for path in request["references"]]
        rows = [(answer, list(references)) for answer, *references in zip(*columns)]
        print(json.dumps(scores(rows)), flush=True)


def shared_corpora():
    folder = SHARED / "data/parallel/mlqe_pe_et-en"
    out = {}
    for part in ["test20", "dev", "train"]:
        texts = [lines(folder / f"{part}.{kind}") for kind in ("mt", "pe")]
        variants = VARIANTS if part == "test20" else ["bleu", "chrf", "chrf++", "ter"]
        out[f"data/parallel/mlqe_pe_et-en/{part}"] = scores([(mt, [pe]) for mt, pe in zip(*texts)], variants)
    return out


def main():
    tokenize = Tokenizer13a()
    out = {"sacrebleu": sacrebleu.__version__, "corpora": {}, "squad": []}
    for name, rows in CORPORA.items():
        examples = [
            {"answer": a, "references": r, "tokens": tokenize(a.rstrip()), **sentence_scores(a, r)} for a, r in rows
        ]
        out["corpora"][name] = {"scores": scores(rows), "examples": examples}
    for answer, references in SQUAD:
        exact = float(any(normalise(answer) == normalise(r) for r in references))
        best = max(f1(answer, r) for r in references)
        out["squad"].append({"answer": answer, "references": references, "exact": exact, "f1": best})
    path = HERE / "metrics.json"
    if SHARED.exists():
        out["shared"] = shared_corpora()
    elif path.exists():
        out["shared"] = json.loads(path.read_text("utf-8"))["shared"]
    path.write_text(json.dumps(out, ensure_ascii=True, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    check() if "--check" in sys.argv else main()
