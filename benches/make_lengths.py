"""Writes the lengths of instruction rows for `emakeel bench --lengths` and `peer.py --method rows`.

    python benches/make_lengths.py TOKENIZER ROWS.json OUT.json --limit 2000

TOKENIZER is a folder or a tokenizer.json; ROWS.json a list of objects with instruction, input and output. OUT.json is a
list of [tokens, supervised tokens], one a row: the prompt, then the answer with its end token, of which the answer is
supervised. Only lengths are written, no text.
"""

import argparse
import json
import os

# The wording costs about as many tokens as that of Stanford Alpaca's prompt.
TASK = (
    "The text below is an instruction that asks for a piece of work. "
    "Write an answer that does what the instruction asks.\n\n### Instruction:\n{instruction}\n\n### Response:\n"
)
TASK_WITH_INPUT = (
    "The text below is an instruction that asks for a piece of work, together with an input that it works on. "
    "Write an answer that does what the instruction asks.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)


def open_tokenizer(place):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if os.path.isdir(place) and os.path.exists(os.path.join(place, "tokenizer_config.json")):
        return AutoTokenizer.from_pretrained(place)
    file = os.path.join(place, "tokenizer.json") if os.path.isdir(place) else place
    return PreTrainedTokenizerFast(tokenizer_file=file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokenizer")
    parser.add_argument("rows")
    parser.add_argument("out")
    parser.add_argument("--limit", type=int, default=2000, help="rows to take, from the first")
    parser.add_argument("--sequence-length", type=int, default=512, help="longer rows are cut")
    args = parser.parse_args()
    tokenizer = open_tokenizer(args.tokenizer)
    with open(args.rows, encoding="utf-8") as file:
        rows = json.load(file)[: args.limit]

    def count(text):
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    lengths, cut, dropped = [], 0, 0
    for row in rows:
        wording = TASK_WITH_INPUT if row.get("input") else TASK
        prompt = 1 + count(wording.format(**row))
        tokens = prompt + count(row["output"]) + 1
        cut += tokens > args.sequence_length
        tokens = min(tokens, args.sequence_length)
        if tokens <= prompt:
            dropped += 1
            continue
        lengths.append([tokens, tokens - prompt])
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(lengths, file)
    total, supervised = sum(t for t, _ in lengths), sum(s for _, s in lengths)
    print(f"{len(lengths)} rows, {total} tokens, {supervised} supervised; {cut} rows cut, {dropped} without an answer left")


main()
