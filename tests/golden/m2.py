# -*- coding: utf-8 -*-
"""Writes m2.json: what the M2 scorer itself says about made-up corrections, and about files of ../shared where it is there.

    git clone https://github.com/nusnlp/m2scorer
    python2.7 tests/golden/m2.py m2scorer

The scorer runs on Python 2 only, so this script does too. Sentences are strings of few different words, so that there are
many ways from one to the other, with edits of one to three annotators, some of which fit the answer. For each: each
annotator's counts; for groups of a hundred: precision, recall, F0.5.
"""

from __future__ import print_function

import io
import json
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, "..", "..", "..", "shared", "data", "eval")
sys.path.insert(0, os.path.join(sys.argv[1], "scripts"))
import levenshtein as scorer  # noqa: E402

WORDS = u"ja on ka siis , õhtul .".split()


def sentence(generator, longest):
    return [generator.choice(WORDS) for _ in range(generator.randrange(1, longest))]


def changed(generator, words):
    words = list(words)
    for _ in range(generator.randrange(0, 4)):
        at = generator.randrange(0, len(words) + 1)
        what = generator.random()
        if what < 0.35:
            words[at:at] = sentence(generator, 3)
        elif what < 0.6:
            del words[at : at + generator.randrange(1, 3)]
        else:
            words[at : at + generator.randrange(1, 3)] = sentence(generator, 3)
    return words


def edits(generator, source):
    found = []
    for _ in range(generator.randrange(0, 4)):
        start = generator.randrange(0, len(source) + 1)
        end = min(len(source), start + generator.choice([0, 0, 1, 1, 2, 3]))
        corrections = [u" ".join(sentence(generator, 3)) for _ in range(generator.choice([1, 1, 2]))]
        if end > start and generator.random() < 0.3:
            corrections = [u""]
        found.append([start, end, corrections])
    return sorted(found) if generator.random() < 0.7 else found


def applied(generator, source, found):
    """The answer of someone who makes some of these edits."""
    words, last = [], 0
    for start, end, corrections in sorted(found):
        if start >= last and generator.random() < 0.8:
            words += source[last:start] + generator.choice(corrections).split()
            last = end
    return words + source[last:]


def counts(source, answer, annotators):
    found = []
    first, second = (scorer.edit_graph(*scorer.levenshtein_matrix(source, answer, 1, 1, cost)) for cost in (1, 2))
    merged = scorer.merge_graph(*[part for pair in zip(first, second) for part in pair])
    nodes, edges, distances, between = scorer.transitive_arcs(*(list(merged) + [2, False]))
    for gold in annotators:
        weights = scorer.set_weights(edges, distances, between, gold)
        path = scorer.best_edit_seq_bf(nodes, edges, weights, between)
        found.append([len(scorer.matchSeq(path, gold)), len(path), len(gold)])
    return found


def in_full(source, found):
    return [(start, end, u" ".join(source[start:end]), corrections) for start, end, corrections in found]


def made_up():
    generator = random.Random(1935)
    examples = []
    for number in range(300):
        source = sentence(generator, 6 if number % 3 == 0 else 14)
        annotators = [edits(generator, source) for _ in range(generator.choice([1, 1, 2, 3]))]
        answer = applied(generator, source, generator.choice(annotators))
        answer = changed(generator, answer) if generator.random() < 0.6 else answer
        rows = counts(source, answer, [in_full(source, found) for found in annotators])
        examples.append({"source": u" ".join(source), "answer": u" ".join(answer), "annotators": annotators, "rows": rows})
    groups = []
    for start in range(0, len(examples), 100):
        group = examples[start : start + 100]
        golds = [
            dict((number, in_full(e["source"].split(), found)) for number, found in enumerate(e["annotators"])) for e in group
        ]
        groups.append(scorer.batch_multi_pre_rec_f1([e["answer"] for e in group], [e["source"] for e in group], golds))
    return {"examples": examples, "groups": groups}


def read_gold(path):
    sentences = []
    for line in io.open(path, encoding="utf-8").read().split(u"\n"):
        if line.startswith(u"S "):
            sentences.append((line[2:].strip(), {}))
        elif line.startswith(u"A "):
            source, annotators = sentences[-1]
            fields = line[2:].split(u"|||")
            start, end = (int(place) for place in fields[0].split())
            gold = annotators.setdefault(int(fields[5]), [])
            if fields[1] != u"noop":
                corrections = [u"" if text == u"-NONE-" else text.strip() for text in fields[2].split(u"||")]
                gold += in_full(source.split(), [[start, end, corrections]])
    return [source for source, _ in sentences], [annotators or {0: []} for _, annotators in sentences]


def of_shared(output, gold, tokenize):
    sources, golds = read_gold(os.path.join(SHARED, gold))
    lines = io.open(os.path.join(SHARED, output), encoding="utf-8").read().rstrip(u"\n").split(u"\n")
    if tokenize:
        lines = [re.sub(u"([^\\w\\s-])", u" \\1 ", line, flags=re.UNICODE) for line in lines]
    return scorer.batch_multi_pre_rec_f1(lines, sources, golds)


def main():
    out = {"made up": made_up(), "shared": []}
    path = os.path.join(HERE, "m2.json")
    if os.path.isdir(SHARED):
        for output, gold, tokenize in [
            ("m2scorer_examples/system", "m2scorer_examples/source_gold", False),
            ("m2scorer_examples/system2", "m2scorer_examples/source_gold", False),
            ("m2scorer_examples/vastus1", "m2scorer_examples/est_gold", False),
            ("m2scorer_examples/mini1", "m2scorer_examples/mini_est_gold", False),
            ("m2scorer_examples/mini2", "m2scorer_examples/mini_est_gold", False),
            ("estgec_l2/system_output_nelb-1.3b.txt", "estgec_l2/test/source_gold_test.txt", True),
        ]:
            scores = of_shared(output, gold, tokenize)
            out["shared"].append({"output": output, "gold": gold, "tokenize": tokenize, "scores": scores})
    elif os.path.exists(path):
        out["shared"] = json.load(open(path))["shared"]
    with open(path, "w") as file:
        file.write(json.dumps(out, sort_keys=True, separators=(",", ":")).replace('{"annotators"', '\n{"annotators"') + "\n")


main()
