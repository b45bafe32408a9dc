"""Rows to packed sequences: emakeel beside Hugging Face datasets, tokenizers and TRL, on the same cores.

    pip install datasets transformers trl
    python benches/rows.py --emakeel target/release/emakeel --data ../shared/data --folder /tmp/rows --megabytes 200

Two files are grown from --data: conversations of one to four turns put together from instruction rows (JSONL, `messages`),
and documents of about 2 KB put together from Estonian texts (JSONL, `text`); no two rows are the same. Both programs begin
with the file and end with packed sequences of 1,024 tokens on disk, nothing cached, in turns, `--times` each:

* theirs: `load_dataset("json")`; `map(num_proc=CORES)` with the chat template and the assistant mask as TRL's trainer does
  it, or the fast tokenizer on batches; then TRL's `pack_dataset`, best-fit or wrapped;
* ours: `emakeel data` on a recipe with that source, an empty cache.

The tokenizer is that of Llama 2. Seconds are of whole processes, imports included (theirs are also given without).
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

LENGTH = 1024
CHATML = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}"
)


def instruction_rows(data):
    rows = []
    for name in ("alpaca_5000.json", "alpaca_en_demo.json", "gsm8k_train_alpaca.json"):
        for row in json.load(open(os.path.join(data, "instruct", name))):
            asked = row["instruction"] + ("\n" + row["input"] if row.get("input") else "")
            rows.append((asked, row["output"]))
    return [row for row in rows if row[0].strip() and row[1].strip()]


def write_conversations(data, path, size):
    rows, chance, written, index = instruction_rows(data), random.Random(1), 0, 0
    with open(path, "w") as out:
        while written < size:
            messages = [{"role": "system", "content": f"Conversation {index}. Answer briefly."}]
            for asked, answer in chance.sample(rows, chance.randint(1, 4)):
                messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
            written += out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            index += 1


def write_documents(data, path, size):
    folder = os.path.join(data, "text_et")
    lines = [line.strip() for name in sorted(os.listdir(folder)) for line in open(os.path.join(folder, name))]
    lines, chance, written, index = [line for line in lines if line], random.Random(2), 0, 0
    with open(path, "w") as out:
        while written < size:
            text, wanted = f"{index}.", chance.randint(200, 4000)
            while len(text) < wanted:
                text += "\n" + lines[chance.randrange(len(lines))]
            written += len(text.encode()) + 16
            out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            index += 1


def theirs(options):
    """One preparation by datasets, tokenizers and TRL, in this process."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    started = time.monotonic()
    from datasets import load_dataset
    from transformers import PreTrainedTokenizerFast
    from trl import pack_dataset

    imported = time.monotonic()
    file = os.path.join(options.data, "tokenizers", "llama2", "tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    cache = os.path.join(options.folder, "theirs")
    rows = load_dataset("json", data_files=options.theirs, split="train", cache_dir=cache)

    def chat(row):
        done = tokenizer.apply_chat_template(
            row["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return {"input_ids": done["input_ids"][:LENGTH], "assistant_masks": done["assistant_masks"][:LENGTH]}

    def documents(batch):
        return {"input_ids": tokenizer([text + "</s>" for text in batch["text"]])["input_ids"]}

    how = {"num_proc": options.cores, "remove_columns": rows.column_names}
    if options.kind == "conversations":
        tokens = rows.map(chat, **how)
        packed = pack_dataset(tokens, LENGTH, "bfd", {"num_proc": options.cores})
    else:
        tokens = rows.map(documents, batched=True, **how)
        packed = pack_dataset(tokens, LENGTH, "wrapped", {"num_proc": options.cores})
    count = sum(len(ids) for ids in packed.with_format("arrow")["input_ids"])
    result = {"rows": len(rows), "sequences": len(packed), "tokens": count, "import_s": imported - started}
    result["full"] = count / (len(packed) * LENGTH)
    print(json.dumps(result))


RECIPE = """
name: rows
base:
  new: {{ hidden_size: 64, layers: 1, heads: 1, intermediate_size: 64, max_position_embeddings: 1024 }}
  tokenizer: {tokenizer}
sources: {{ rows: {{ path: {path}{template} }} }}
"""
TRAINED = """
adapters:
  rows: {{ mixture: {{ rows: 1 }}, epochs: 1, sequence_length: 1024, batch: 1, held_out: 0, rank: 1, targets: all-linear, {how} }}
"""
KINDS = {
    "conversations": "too_long: truncate, packing: best-fit, template: chatml",
    "documents": "packing: concat, template: plain",
}


def ours(options, path, kind):
    folder = os.path.join(options.folder, "ours")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    recipe = os.path.join(folder, "rows.yaml")
    tokenizer = os.path.join(folder, "tokenizer.json")
    made = json.load(open(os.path.join(options.data, "tokenizers", "llama2", "tokenizer.json")))
    for number, name in enumerate(("<|im_start|>", "<|im_end|>")):
        token = {"id": 32000 + number, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        made["added_tokens"].append({**token, "normalized": False, "special": True})
    json.dump(made, open(tokenizer, "w"))
    template = ", template: messages" if kind == "conversations" else ""
    with open(recipe, "w") as out:
        out.write(RECIPE.format(tokenizer=tokenizer, path=path, template=template) + TRAINED.format(how=KINDS[kind]))
    command = [options.emakeel, "data", recipe, "--json", "--quiet", "--runs", folder]
    environment = {**os.environ, "EMAKEEL_CACHE": os.path.join(folder, "cache")}
    done, seconds, peak = timed(command, environment)
    stage = json.loads(done)["stages"][0]
    result = {"rows": stage["sources"][0]["rows"], "sequences": stage["sequences"], "tokens": stage["tokens"]}
    result["full"] = stage["tokens"] / (stage["sequences"] * LENGTH)
    return {**result, "seconds": seconds, "peak_mb": peak}


def timed(command, environment=None):
    started = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} ended with {status}")
    return output, time.monotonic() - started, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emakeel", default="target/release/emakeel")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--folder", default="/tmp/rows")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--theirs", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.theirs:
        options.kind = options.kind[0]
        return theirs(options)
    os.makedirs(options.folder, exist_ok=True)
    for kind in options.kind or KINDS:
        path = os.path.join(os.path.abspath(options.folder), f"{kind}-{options.megabytes}.jsonl")
        if not os.path.exists(path):
            write = write_conversations if kind == "conversations" else write_documents
            write(options.data, path, options.megabytes * 1_000_000)
        ratios = []
        for turn in range(options.times):
            mine = ours(options, path, kind)
            shutil.rmtree(os.path.join(options.folder, "theirs"), ignore_errors=True)
            shared = ["--data", options.data, "--folder", options.folder, "--cores", options.cores]
            output, seconds, _ = timed([sys.executable, __file__, "--theirs", path, "--kind", kind, *shared])
            other = {**json.loads(output.splitlines()[-1]), "seconds": seconds}
            ratios.append(other["seconds"] / mine["seconds"])
            without = (other["seconds"] - other["import_s"]) / mine["seconds"]
            print(f"{kind} {turn + 1}: ours {mine}; theirs {other}; ratio {ratios[-1]:.2f}, without imports {without:.2f}")
        print(f"{kind}: ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
