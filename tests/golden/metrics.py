"""Writes metrics.json: what sacreBLEU says about small texts and, where ../shared is there, about a real corpus.

    pip install sacrebleu==2.6.0 && python tests/golden/metrics.py

The SQuAD numbers come from a plain rendering of the rules of evaluate-v1.1.py below.
"""

import collections
import json
import pathlib
import re
import string

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

HERE = pathlib.Path(__file__).parent
SHARED = HERE.parent.parent.parent / "shared"

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


def scores(rows):
    answers = [answer for answer, _ in rows]
    most = max(len(references) for _, references in rows)
    streams = [[refs[i] if i < len(refs) else None for _, refs in rows] for i in range(most)]
    out = {}
    for name, metric in [("bleu", BLEU()), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2))]:
        out[name] = metric.corpus_score(answers, streams).score
        out[name + " signature"] = str(metric.get_signature())
    return out


def sentence_scores(answer, references):
    metrics = [("bleu", BLEU(effective_order=True)), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2))]
    return {name: metric.sentence_score(answer, references).score for name, metric in metrics}


def shared_corpora():
    folder = SHARED / "data/parallel/mlqe_pe_et-en"
    out = {}
    for part in ["test20", "dev", "train"]:
        lines = [(folder / f"{part}.{kind}").read_text("utf-8").split("\n")[:-1] for kind in ("mt", "pe")]
        out[f"data/parallel/mlqe_pe_et-en/{part}"] = scores([(mt, [pe]) for mt, pe in zip(*lines)])
    return out


def main():
    tokenize = Tokenizer13a()
    out = {"sacrebleu": sacrebleu.__version__, "corpora": {}, "squad": []}
    for name, rows in CORPORA.items():
        examples = [
            {"answer": a, "references": r, "tokens": tokenize(a.rstrip()), **sentence_scores(a, r)} for a, r in rows
        ]
        out["corpora"][name] = {**scores(rows), "examples": examples}
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
    main()
