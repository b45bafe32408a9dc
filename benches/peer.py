"""The work of `emakeel bench`, done by transformers and PEFT: the same flags, the same keys of JSON.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2
    python benches/peer.py --model DIR --method lora --batch 4 --sequence-length 512 --steps 6 --threads 2

| method | what |
|---|---|
| lora, full | training steps on random tokens: forward, loss over all tokens but the first, backward, clipping to 1, AdamW |
| rows | the same with LoRA on rows of the lengths in --lengths, each batch padded to its longest row, loss on the tails |
| generate | `model.generate`, greedy, without a stop token |
| adapters | 8 adapters score the same rows on one base: loaded anew each time, and loaded once and swapped |
| adapter | one adapter, in a process of its own, scores the rows once |

float32 on the CPU, eager, sdpa attention; LoRA on all linear modules but the head, alpha = 2 · rank, no dropout.
"""

import argparse
import json
import os
import resource
import statistics
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", required=True, help="a Hugging Face model folder")
    add("--method", default="lora", choices=["lora", "full", "rows", "generate", "adapters", "adapter"])
    add("--rank", type=int, default=16)
    add("--batch", type=int, help="sequences in a step; 4, or 8 rows for --method rows")
    add("--sequence-length", type=int, default=512)
    add("--steps", type=int, help="how often, the first time not counted; 6, or 3, or as often as the rows last")
    add("--recompute", action="store_true")
    add("--lengths", help="a JSON list of [tokens, supervised tokens], one a row")
    add("--prompts", type=int, default=32)
    add("--prompt-tokens", type=int, default=64)
    add("--new-tokens", type=int, default=64)
    add("--adapter", help="adapters: a folder that holds adapter folders; adapter: an adapter folder")
    add("--count", type=int, default=8, help="how many adapters --make-adapters writes")
    add("--make-adapters", metavar="DIR", help="write adapters with random factors to DIR, and do nothing else")
    add("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


args = arguments()
# Before torch is imported, which reads it then.
os.environ["OMP_NUM_THREADS"] = str(args.threads)
import torch  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402


def load():
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="sdpa")
    if args.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def with_adapter(model):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="CAUSAL_LM", r=args.rank, lora_alpha=2 * args.rank, target_modules="all-linear")
    return get_peft_model(model, config)


def random_ids(model, *shape):
    return torch.randint(0, model.config.vocab_size, shape)


class Timing:
    """Times of repetitions, the first left out."""

    def __init__(self):
        self.all = []

    def __call__(self, work):
        started = time.perf_counter()
        result = work()
        self.all.append(time.perf_counter() - started)
        return result

    @property
    def counted(self):
        return self.all[1:]

    @property
    def median(self):
        return statistics.median(self.counted)


class Training:
    """A model, what of it is trained, and one step of it."""

    def __init__(self, method):
        model = load()
        self.model = model if method == "full" else with_adapter(model)
        self.model.config.use_cache = False
        self.model.train()
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, weight_decay=0.01, fused=True)

    def step(self, ids, labels, mask=None):
        """Labels stand at their own tokens; -100 is no target."""
        logits = self.model(input_ids=ids, attention_mask=mask).logits
        predicted = logits[:, :-1].reshape(-1, logits.shape[-1])
        loss = cross_entropy(predicted, labels[:, 1:].reshape(-1), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def figures(self, timing, loss):
        return {
            "trainable": sum(p.numel() for p in self.trained),
            "step_s": timing.median,
            "step_min_s": min(timing.counted),
            "step_max_s": max(timing.counted),
            "steps": len(timing.all),
            "loss": loss,
        }


def train():
    training, timing = Training(args.method), Timing()
    batch = args.batch or 4
    for _ in range(args.steps or 6):
        ids = random_ids(training.model, batch, args.sequence_length)
        loss = timing(lambda: training.step(ids, ids))
    figures = training.figures(timing, loss)
    rank = {"rank": args.rank} if args.method == "lora" else {}
    tokens_per_s = batch * args.sequence_length / timing.median
    return {**rank, "batch": batch, "sequence_length": args.sequence_length, "tokens_per_s": tokens_per_s, **figures}


def rows():
    with open(args.lengths, encoding="utf-8") as file:
        lengths = json.load(file)
    batch = args.batch or 8
    training, timing = Training("lora"), Timing()
    count = args.steps or -(-len(lengths) // batch)
    counted_rows = counted_tokens = computed_tokens = 0
    for index in range(count):
        start = index * batch % (-(-len(lengths) // batch) * batch)
        group = lengths[start : start + batch]
        longest = max(tokens for tokens, _ in group)
        ids = random_ids(training.model, len(group), longest)
        mask = torch.zeros_like(ids)
        labels = torch.full_like(ids, -100)
        for row, (tokens, supervised) in enumerate(group):
            mask[row, :tokens] = 1
            labels[row, tokens - supervised : tokens] = ids[row, tokens - supervised : tokens]
        loss = timing(lambda: training.step(ids, labels, mask))
        if index > 0:
            counted_rows += len(group)
            counted_tokens += int(mask.sum())
            computed_tokens += ids.numel()
    seconds = sum(timing.counted)
    return {
        "rank": args.rank,
        "batch": batch,
        "rows_per_s": counted_rows / seconds,
        "tokens_per_s": counted_tokens / seconds,
        "padding_share": 1 - counted_tokens / computed_tokens,
        **training.figures(timing, loss),
    }


def generate():
    model = load().eval()
    ids = random_ids(model, args.prompts, args.prompt_tokens)
    model.generation_config.eos_token_id = None
    settings = {"do_sample": False, "max_new_tokens": args.new_tokens, "min_new_tokens": args.new_tokens, "pad_token_id": 0}
    timing = Timing()
    with torch.inference_mode():
        for _ in range(args.steps or 3):
            texts = timing(lambda: model.generate(ids, attention_mask=torch.ones_like(ids), **settings))
    new = texts.shape[1] - args.prompt_tokens
    assert new == args.new_tokens, f"{new} new tokens instead of {args.new_tokens}"
    return {
        "prompts": args.prompts,
        "prompt_tokens": args.prompt_tokens,
        "new_tokens": args.new_tokens,
        "seconds": timing.median,
        "steps": len(timing.all),
        "new_tokens_per_s": args.prompts * args.new_tokens / timing.median,
    }


def make_adapters():
    for number in range(args.count):
        torch.manual_seed(number)
        model = with_adapter(load())
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0.0, 0.01)
        model.save_pretrained(os.path.join(args.make_adapters, f"adapter-{number}"))


def token_losses(model, ids):
    logits = model(input_ids=ids, use_cache=False).logits
    return cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction="none")


def adapter():
    from peft import PeftModel

    model = PeftModel.from_pretrained(load(), args.adapter).eval()
    batch = args.batch or 4
    with torch.inference_mode():
        loss = token_losses(model, random_ids(model, batch, args.sequence_length)).mean().item()
    return {"batch": batch, "sequence_length": args.sequence_length, "loss": loss}


def adapters():
    from peft import PeftModel

    folders = sorted(entry.path for entry in os.scandir(args.adapter) if entry.is_dir())
    base = load().eval()
    batch = args.batch or 4
    ids = random_ids(base, batch, args.sequence_length)

    def score(model):
        return token_losses(model, ids)

    def anew():
        for folder in folders:
            model = PeftModel.from_pretrained(base, folder).eval()
            score(model)
            model.unload()

    anew_timing, swap_timing = Timing(), Timing()
    with torch.inference_mode():
        for _ in range(args.steps or 3):
            anew_timing(anew)
        started = time.perf_counter()
        model = PeftModel.from_pretrained(base, folders[0], adapter_name="0").eval()
        for number, folder in enumerate(folders[1:], start=1):
            model.load_adapter(folder, adapter_name=str(number))
        load_s = time.perf_counter() - started

        def swapped():
            for number in range(len(folders)):
                model.set_adapter(str(number))
                score(model)

        for _ in range(args.steps or 3):
            swap_timing(swapped)
    return {
        "batch": batch,
        "sequence_length": args.sequence_length,
        "adapters": len(folders),
        "steps": len(swap_timing.all),
        "seconds": swap_timing.median,
        "load_s": load_s,
        "anew_s": anew_timing.median,
        "tokens_per_s": len(folders) * ids.numel() / swap_timing.median,
    }


def main():
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    if args.make_adapters:
        make_adapters()
        return
    work = {"lora": train, "full": train, "rows": rows, "generate": generate, "adapters": adapters, "adapter": adapter}
    # What emakeel calls it: rows are LoRA steps with --lengths.
    method = "lora" if args.method == "rows" else args.method
    figures = {"method": method, "model": args.model, "threads": args.threads, **work[args.method]()}
    # Kibibytes on Linux.
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


main()
