"""emakeel beside transformers and PEFT: the same work in turns, on the same machine, with the same threads.

    cargo build --release
    python benches/side_by_side.py --row lora-288 --row full-768 --threads 2 --times 5

Each row of the table is measured `--times` times by both programs, in turns, each run a process of its own; the ratio is
taken of the two runs of a turn, and the table shows its median, least and largest. The model folders (random Llamas) are
written by transformers to a temporary folder, or to --models, and both programs read them.

A run counts only if nothing else ran: on Linux the processor time of the whole machine is compared with that of the run,
and where other work took more than --quiet of it, the run is done again. This is not a detail. Threads that wait for each
other at barriers, as torch's do, can become forty times slower beside one other busy process, so a busy machine makes any
rival look good. And a turn counts only if the machine kept its speed: a fixed matrix product is timed before, between and
after the two runs, and where its speed moved by more than --steady (virtual processors may share a core with strangers,
which no counter shows), the turn is done again. A row that finds no quiet or no steady turn is reported as not measured.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DATA = os.path.join(ROOT, "..", "shared", "data")

# hidden, layers, heads, MLP, vocabulary
MODELS = {"288": (288, 6, 6, 768, 32000), "768": (768, 6, 12, 2048, 32000)}


def training(method, model, batch, least, goal):
    work = ["--method", method, "--batch", batch, "--sequence-length", 512, "--steps", 6]
    if method == "lora":
        work += ["--rank", 16]
    name = "LoRA r16" if method == "lora" else "full"
    title = f"{name}, {model}, {batch} × 512"
    return {"title": title, "model": model, "ours": work, "peer": work, "figure": "tokens_per_s", "least": least, "goal": goal}


ROWS = {
    "lora-288": training("lora", "288", 4, 1.7, 2.2),
    "lora-768": training("lora", "768", 2, 1.4, 1.8),
    "full-288": training("full", "288", 4, 1.5, 1.9),
    "full-768": training("full", "768", 2, 1.5, 2.0),
    "rows-288": {
        "title": "LoRA r16, 288, instruction rows, 8 a step",
        "model": "288",
        "ours": ["--method", "lora", "--rank", 16, "--batch", 8, "--lengths", "LENGTHS"],
        "peer": ["--method", "rows", "--rank", 16, "--batch", 8, "--lengths", "LENGTHS"],
        "figure": "rows_per_s",
        "least": 5,
        "goal": 7,
    },
    "generate-288": {
        "title": "greedy generation, 288, 32 prompts × 64 + 64 new",
        "model": "288",
        "ours": ["--method", "generate"],
        "peer": ["--method", "generate"],
        "figure": "new_tokens_per_s",
        "least": 3,
        "goal": 5,
    },
    "adapters-288": {
        "title": "8 adapters compared, 288, 4 × 512, swapped",
        "model": "288",
        "ours": ["--method", "adapters", "--adapter", "ADAPTERS"],
        "peer": ["--method", "adapters", "--adapter", "ADAPTERS"],
        "figure": "tokens_per_s",
        "least": 1.5,
        "goal": None,
    },
}

# Whole commands: one of ours that scores all adapters, twice, against one of theirs for each adapter.
COMMANDS = "adapters-commands"

# Ours alone: how cost grows with the length of a sequence.
SCALING = [512, 1024, 2048, 4096]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--row", action="append", choices=[*ROWS, COMMANDS, "scaling", "all"], help="may be given several times; all if not given")
    add("--times", type=int, default=5, help="turns of each row")
    add("--threads", type=int, default=os.cpu_count())
    add("--steps", type=int, help="repetitions within a run; the row's own if not given")
    add("--row-steps", type=int, default=26, help="steps of rows-288, if --steps is not given; 250 are 2,000 rows")
    add("--emakeel", default=default_program(), help="the program")
    add("--models", help="where model folders are kept; a temporary folder if not given")
    add("--lengths", help="row lengths, as make_lengths.py writes them")
    add("--quiet", type=float, default=0.03, help="the largest share of the processors that other work may take")
    add("--steady", type=float, default=0.15, help="the largest change of the machine's speed within a turn")
    add("--attempts", type=int, default=4, help="how often a disturbed run or turn is tried")
    add("--wait", type=float, default=600, help="how many seconds to wait for a quiet machine before each run")
    add("--out", help="write all figures of all runs to this JSON file")
    return parser.parse_args()


def default_program():
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "release", "emakeel")


def say(text):
    print(text, file=sys.stderr, flush=True)


class NotMeasured(Exception):
    """A row has no figures, and why."""


def machine_seconds():
    """Processor time that the machine has spent on anything, its host's other guests included; None if it is not known."""
    with contextlib.suppress(OSError), open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, soft_irq, steal = (int(n) for n in file.readline().split()[1:9])
        return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")
    return None


def child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watched(work):
    """What the work returns, and the share of the processors that other work took meanwhile (None: not known)."""
    before, own, started = machine_seconds(), child_seconds(), time.perf_counter()
    result = work()
    after, own, wall = machine_seconds(), child_seconds() - own, time.perf_counter() - started
    if before is None or after is None:
        return result, None
    return result, max(0.0, after - before - own) / (wall * os.cpu_count())


class Bench:
    """Runs both programs and keeps what they said."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.runs = []

    def model(self, name):
        path = os.path.join(self.folder, f"llama-{name}")
        if not os.path.exists(os.path.join(path, "model.safetensors")):
            import torch
            from transformers import LlamaConfig, LlamaForCausalLM

            hidden, layers, heads, mlp, vocabulary = MODELS[name]
            torch.manual_seed(0)
            config = LlamaConfig(
                hidden_size=hidden,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                num_key_value_heads=heads,
                intermediate_size=mlp,
                vocab_size=vocabulary,
                max_position_embeddings=4096,
                tie_word_embeddings=False,
            )
            LlamaForCausalLM(config).save_pretrained(path)
        return path

    def lengths(self):
        if self.args.lengths:
            return self.args.lengths
        path = os.path.join(self.folder, "lengths.json")
        if not os.path.exists(path):
            tokenizer = os.path.join(DATA, "tokenizers", "llama2", "tokenizer.json")
            rows = os.path.join(DATA, "instruct", "alpaca_5000.json")
            if not (os.path.exists(tokenizer) and os.path.exists(rows)):
                raise NotMeasured("SKIPPED: ../shared/data is absent; give --lengths")
            command = [sys.executable, os.path.join(HERE, "make_lengths.py"), tokenizer, rows, path]
            subprocess.run(command, check=True, stdout=sys.stderr)
        return path

    def adapters(self, model):
        path = os.path.join(self.folder, "adapters")
        if not os.path.exists(os.path.join(path, "adapter-7", "adapter_model.safetensors")):
            command = [sys.executable, os.path.join(HERE, "peer.py"), "--model", model, "--make-adapters", path]
            subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
        return path

    def fill(self, work, model):
        places = {"LENGTHS": self.lengths, "ADAPTERS": lambda: self.adapters(model)}
        work = [places[str(word)]() if word in places else str(word) for word in work]
        steps = self.args.steps or (self.args.row_steps if "--lengths" in work else None)
        if steps:
            while "--steps" in work:
                place = work.index("--steps")
                del work[place : place + 2]
            work += ["--steps", str(steps)]
        return work

    def run(self, program, model, work):
        """The figures of one undisturbed run."""
        common = ["--model", model, *self.fill(work, model), "--threads", str(self.args.threads)]
        if program == "emakeel":
            command = [self.args.emakeel, "bench", *common, "--json", "--quiet"]
        else:
            command = [sys.executable, os.path.join(HERE, "peer.py"), *common]
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.args.threads)}

        def once():
            started = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise NotMeasured(f"{program} failed: {done.stderr.strip().splitlines()[-1:]}")
            return {**json.loads(done.stdout), "wall_s": time.perf_counter() - started}

        for _ in range(self.args.attempts):
            self.wait_for_quiet()
            figures, others = watched(once)
            figures["others_share"] = others
            kept = others is None or others <= self.args.quiet
            self.runs.append({"program": program, "kept": kept, "command": command[1:], **figures})
            if kept:
                return figures
            say(f"  disturbed: other work took {100 * others:.0f} % of the processors; once more")
        raise NotMeasured(f"not measured: no quiet run in {self.args.attempts} attempts")

    def speed(self):
        """GFLOP/s of a fixed matrix product, the median of half a second."""
        import torch

        torch.set_num_threads(self.args.threads)
        a, times = torch.full((1024, 1024), 0.5), []
        while sum(times) < 0.5:
            started = time.perf_counter()
            torch.mm(a, a)
            times.append(time.perf_counter() - started)
        return 2 * 1024**3 / 1e9 / statistics.median(times)

    def steadily(self, model, jobs):
        """The figures of some (program, work), from runs between which the machine kept its speed."""
        for _ in range(self.args.attempts):
            self.wait_for_quiet()
            speeds, figures = [self.speed()], []
            for program, work in jobs:
                figures.append(self.run(program, model, work))
                speeds.append(self.speed())
            change = max(speeds) / min(speeds) - 1
            for of_job in figures:
                of_job["speeds"] = speeds
            if change <= self.args.steady:
                return figures
            self.runs.append({"unsteady": speeds})
            say(f"  unsteady: the machine's own speed changed by {100 * change:.0f} %; this turn once more")
        raise NotMeasured(f"not measured: no steady turn in {self.args.attempts} attempts")

    def turn(self, row, order):
        """Both programs' figures."""
        jobs = [(program, row["ours" if program == "emakeel" else "peer"]) for program in order]
        figures = dict(zip(order, self.steadily(self.model(row["model"]), jobs)))
        return figures["emakeel"], figures["peer"]

    def wait_for_quiet(self):
        end = time.perf_counter() + self.args.wait
        while True:
            _, others = watched(lambda: time.sleep(2))
            if others is None or others <= self.args.quiet:
                return
            if time.perf_counter() > end:
                raise NotMeasured(f"not measured: the machine was busy for {self.args.wait:.0f} s")
            time.sleep(5)


def check_same_work(ours, peer):
    """Both must have trained as many parameters, and so on."""
    for key in ["method", "trainable", "batch", "rank", "prompts", "prompt_tokens", "new_tokens", "threads", "adapters", "steps"]:
        if key in ours and key in peer and ours[key] != peer[key]:
            raise NotMeasured(f"not the same work: {key} is {ours[key]} here and {peer[key]} there")


def measure(bench, name):
    row = ROWS[name]
    figure, pairs = row["figure"], []
    for turn in range(bench.args.times):
        # Who goes first changes, so that a machine that becomes slower or faster favours neither.
        ours, peer = bench.turn(row, ["emakeel", "peer"] if turn % 2 == 0 else ["peer", "emakeel"])
        check_same_work(ours, peer)
        pairs.append((ours, peer))
        say(f"  {name}, turn {turn + 1}: {ours[figure]:.4g} and {peer[figure]:.4g}, {ours[figure] / peer[figure]:.2f}×")
    return pairs


def median_of(pairs, which, key):
    return statistics.median(pair[which][key] for pair in pairs)


def line(title, unit, values, least, goal, pairs):
    """One line of the table; `values` are pairs of rates, more is better."""
    ratios = [ours / peer for ours, peer in values]
    ours, peer = (statistics.median(column) for column in zip(*values))
    ratio = f"**{statistics.median(ratios):.2f}×** ({min(ratios):.2f}–{max(ratios):.2f})"
    memory = [median_of(pairs, which, "peak_mb") for which in (0, 1)]
    share = f"{100 * median_of(pairs, 0, 'matmul_share'):.0f} %"
    wanted = " / ".join(f"{bound:g}×" for bound in (least, goal) if bound) or "–"
    others = [f["others_share"] for pair in pairs for f in pair]
    most = "not known" if None in others else f"{100 * max(others):.1f} %"
    speeds = [speed for ours, _ in pairs for speed in ours["speeds"]]
    return (
        f"| {title} | {ours:,.4g} | {peer:,.4g} | {unit} | {ratio} | {wanted} | "
        f"{memory[0]:,.0f} | {memory[1]:,.0f} | {memory[0] / memory[1]:.2f}× | {share} | {most} | {min(speeds):.0f}–{max(speeds):.0f} |"
    )


def lines_of(name, pairs):
    row = ROWS[name]
    figure = row["figure"]
    units = {"tokens_per_s": "tokens/s", "rows_per_s": "rows/s", "new_tokens_per_s": "new tokens/s"}
    values = [(ours[figure], peer[figure]) for ours, peer in pairs]
    lines = [line(row["title"], units[figure], values, row["least"], row["goal"], pairs)]
    if name == "adapters-288":
        # Reading included: ours once for all, theirs for each adapter as it comes.
        whole = [(1 / (ours["load_s"] + ours["seconds"]), 1 / peer["anew_s"]) for ours, peer in pairs]
        title = "8 adapters compared, 288, 4 × 512, against loading each anew"
        lines.append(line(title, "comparisons/s", whole, 5, None, pairs))
    return lines


def commands(bench):
    """Ours reads the base once and scores all adapters twice; theirs is a command for each adapter, which scores once."""
    model = bench.model("288")
    folder = bench.adapters(model)
    each = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
    jobs = [("emakeel", ["--method", "adapters", "--adapter", folder, "--steps", 2])]
    jobs += [("peer", ["--method", "adapter", "--adapter", path]) for path in each]
    seconds = []
    for turn in range(bench.args.times):
        ours, *theirs = bench.steadily(model, jobs)
        seconds.append((ours["wall_s"], sum(run["wall_s"] for run in theirs)))
        say(f"  {COMMANDS}, turn {turn + 1}: {seconds[-1][0]:.3g} s and {seconds[-1][1]:.3g} s")
    ratios = [theirs / ours for ours, theirs in seconds]
    ours, theirs = (statistics.median(column) for column in zip(*seconds))
    return [
        "",
        f"{len(each)} adapters on 4 × 512 tokens, whole commands: {ours:.3g} s for one that scores all of them twice, {theirs:.3g} s "
        f"for {len(each)} that load and score once: **{statistics.median(ratios):.2f}×** ({min(ratios):.2f}–{max(ratios):.2f}).",
    ]


def scaling(bench):
    """Tokens/s and memory of ours over the length of a sequence, one sequence a step."""
    model = bench.model("288")
    lines = ["", "| tokens in a sequence | tokens/s | GFLOP/s | peak memory, MiB |", "|---:|---:|---:|---:|"]
    of_length = ["--method", "lora", "--rank", 16, "--batch", 1, "--steps", 6, "--sequence-length"]
    jobs = [("emakeel", [*of_length, length]) for length in SCALING]
    turns = [bench.steadily(model, jobs) for _ in range(bench.args.times)]
    points = []
    for length, runs in zip(SCALING, zip(*turns)):
        rate, gflops, memory = (statistics.median(r[k] for r in runs) for k in ("tokens_per_s", "gflops", "peak_mb"))
        points.append((length, rate, gflops, memory))
        lines.append(f"| {length:,} | {rate:,.0f} | {gflops:.1f} | {memory:,.0f} |")
    slope, base = statistics.linear_regression([p[0] for p in points], [p[3] for p in points])
    worst = max(abs(base + slope * length - memory) / memory for length, _, _, memory in points)
    first, last = points[0], points[-1]
    lines += [
        "",
        f"Memory: {base:,.0f} MiB + {1024 * slope:.1f} KiB a token; the largest deviation from the line is {100 * worst:.1f} %. "
        f"At {last[0]:,} tokens: {last[1] / first[1]:.2f}× the tokens/s and {last[2] / first[2]:.2f}× the GFLOP/s of {first[0]:,}.",
    ]
    return lines


def main():
    args = arguments()
    names = args.row or ["all"]
    names = [*ROWS, COMMANDS, "scaling"] if "all" in names else list(dict.fromkeys(names))
    if not os.path.exists(args.emakeel):
        sys.exit(f"{args.emakeel} is not there: cargo build --release, or give --emakeel")
    table = [
        f"{args.times} turns, {args.threads} threads, f32, on {os.cpu_count()} processors; ratios are ours ÷ theirs.",
        "",
        "| work | emakeel | peer | unit | ratio, median (least–largest) | at least / goal | MiB, emakeel | MiB, peer | memory | in matmul | other work | machine, GFLOP/s |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    missing, after = [], []
    with contextlib.ExitStack() as stack:
        folder = args.models or stack.enter_context(tempfile.TemporaryDirectory())
        bench = Bench(args, folder)
        for name in names:
            say(name)
            try:
                if name == "scaling":
                    after += scaling(bench)
                elif name == COMMANDS:
                    after += commands(bench)
                else:
                    table += lines_of(name, measure(bench, name))
            except NotMeasured as reason:
                missing.append(f"- {name}: {reason}")
                say(f"  {reason}")
        if args.out:
            with open(args.out, "w", encoding="utf-8") as file:
                json.dump(bench.runs, file, indent=1)
    print("\n".join([*table, *after, *([""] + missing if missing else [])]))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
