"""emakeel score beside sacreBLEU: the same 10,000 segments, one core each, in turns.

    cargo build --release
    python benches/metrics.py --times 5

Two rows: *scoring* is BLEU, chrF and TER of all segments; *paired bootstrap* is 1,000 resamples of all segments for two
systems and each metric, from counts that are there already. Times are those that each program takes inside of itself, so
that neither starting Python nor reading files counts; the scores are compared to the digit. The ratio is taken of the two
runs of a turn, and the table shows its median, least and largest.

The texts are MLQE-PE's Estonian–English translations and their post-edits in ../shared/data, repeated up to --segments;
the second system is the first with some words left out. sacreBLEU must be importable (tests/golden/requirements.txt).
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FOLDER = os.path.join(ROOT, "..", "shared", "data", "parallel", "mlqe_pe_et-en")
LEAST = {"scoring": 5, "paired bootstrap": 20}


def arguments():
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--times", type=int, default=5, help="turns")
    add("--segments", type=int, default=10_000)
    add("--resamples", type=int, default=1000)
    add("--emakeel", default=os.path.join(target, "release", "emakeel"), help="the program")
    add("--out", help="write all figures of all turns to this JSON file")
    add("--peer", nargs=3, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args()


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def texts(folder, segments):
    """Paths of two systems' outputs and of the references."""
    mt, pe = ([line for part in ("train", "dev", "test20") for line in lines(os.path.join(FOLDER, f"{part}.{kind}"))] for kind in ("mt", "pe"))
    generator = random.Random(7)

    def shorter(line):
        return " ".join(word for word in line.split(" ") if generator.random() > 0.05) or line

    rows = [(mt[i % len(mt)], pe[i % len(pe)]) for i in range(segments)]
    columns = {"first": [m for m, _ in rows], "second": [shorter(m) for m, _ in rows], "reference": [p for _, p in rows]}
    paths = []
    for name, column in columns.items():
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.write("\n".join(column) + "\n")
    return paths


def ours(args, paths):
    command = [args.emakeel, "score", *paths[:2], "--ref", paths[2], "--metric", "bleu,chrf,ter"]
    command += ["--resamples", str(args.resamples), "--threads", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {
        "scoring": found["seconds"]["scoring"],
        "paired bootstrap": found["seconds"]["resampling"],
        "scores": [[score["score"] for score in system["scores"]] for system in found["systems"]],
        "p": [score["against_first"]["p_value"] for score in found["systems"][1]["scores"]],
    }


def peer(args):
    """sacreBLEU's figures, in a process of its own; the counts are taken once and handed to the paired test."""
    import numpy
    from sacrebleu.metrics import BLEU, CHRF, TER
    from sacrebleu.significance import _compute_p_value, estimate_ci

    first, second, reference = (lines(path) for path in args.peer)
    metrics, scores, counts = [BLEU(force=True), CHRF(), TER()], [[], []], []
    started = time.perf_counter()
    for metric in metrics:
        counts.append([metric._extract_corpus_statistics(system, [reference]) for system in (first, second)])
    for per_system, number in ((counts, 0), (counts, 1)):
        scores[number] = [m._aggregate_and_compute(c[number]).score for m, c in zip(metrics, per_system)]
    scoring = time.perf_counter() - started
    started = time.perf_counter()
    # As `_paired_bs_test` does it, but for the counting of n-grams, and for all segments.
    drawn = numpy.random.default_rng(12345).choice(len(reference), size=(args.resamples, len(reference)), replace=True)
    p = []
    for metric, of_systems, pair in zip(metrics, counts, zip(*scores)):
        resampled = []
        for stats in of_systems:
            stats = numpy.array(stats, dtype="float32")
            resampled.append(numpy.array([metric._compute_score_from_stats(s.sum(0)).score for s in stats[drawn]]))
            estimate_ci(resampled[-1])
        sizes = numpy.abs(resampled[1] - resampled[0])
        p.append(_compute_p_value(sizes - sizes.mean(), abs(pair[0] - pair[1])))
    print(json.dumps({"scoring": scoring, "paired bootstrap": time.perf_counter() - started, "scores": scores, "p": p}))


def theirs(args, paths):
    command = [sys.executable, os.path.abspath(__file__), "--resamples", str(args.resamples), "--peer", *paths]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def main():
    args = arguments()
    if args.peer:
        return peer(args)
    if not os.path.isdir(FOLDER):
        print("SKIPPED: ../shared/data is absent")
        return None
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        paths = texts(folder, args.segments)
        for _ in range(args.times):
            turn = {"emakeel": ours(args, paths), "sacrebleu": theirs(args, paths)}
            turns.append(turn)
            pairs = zip(sum(turn["emakeel"]["scores"], []), sum(turn["sacrebleu"]["scores"], []))
            worst = max(abs(a - b) for a, b in pairs)
            if worst > 1e-9:
                sys.exit(f"the scores differ by {worst}: {turn}")
            print(f"turn {len(turns)}: {json.dumps(turn)}", file=sys.stderr, flush=True)
    print(f"{args.segments} segments, two systems, BLEU + chrF + TER, {args.resamples} resamples, one core each\n")
    print("| work | emakeel, s | sacreBLEU, s | ratio (least–largest) | at least |")
    print("|---|---:|---:|---:|---:|")
    for work, least in LEAST.items():
        own, other = ([turn[name][work] for turn in turns] for name in ("emakeel", "sacrebleu"))
        ratios = [b / a for a, b in zip(own, other)]
        spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})"
        print(f"| {work} | {statistics.median(own):.3f} | {statistics.median(other):.2f} | {spread} | {least} |")
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(turns, file, indent=1)
    return None


if __name__ == "__main__":
    main()
