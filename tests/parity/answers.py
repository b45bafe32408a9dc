"""Likelihoods of choices and greedy texts by transformers, for the prompts that emakeel wrote down.

    python tests/parity/answers.py ASKED.json      prints JSON
"""
import json
import sys

import sentencepiece
import torch
from transformers import LlamaForCausalLM

# Of so small a model, threads would mostly wait for each other.
torch.set_num_threads(1)
job = json.load(open(sys.argv[1], encoding="utf-8"))
pieces = sentencepiece.SentencePieceProcessor(model_file=job["pieces"])
model = LlamaForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()
BOS, EOS = pieces.bos_id(), pieces.eos_id()


def ids(text):
    return [BOS] + pieces.encode(text)


@torch.no_grad()
def likelihood(prompt, choice):
    start, whole = ids(prompt), ids(prompt + choice)
    assert whole[: len(start)] == start, (prompt, choice)
    logits = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    targets = whole[len(start):]
    rows = logits[len(start) - 1 : len(whole) - 1]
    return {"tokens": len(targets), "nats": sum(rows[i, t].item() for i, t in enumerate(targets))}


@torch.no_grad()
def greedy(prompt, answer):
    start = torch.tensor([ids(prompt)])
    out = model.generate(start, attention_mask=torch.ones_like(start), max_new_tokens=job["max_new_tokens"],
                         do_sample=False, eos_token_id=EOS, pad_token_id=EOS, bos_token_id=BOS)
    written = [token for token in out[0, start.shape[1]:].tolist() if token != EOS]
    # What the model goes on with as the next turn is not the answer.
    text = pieces.decode(written).split("<|user|>")[0].strip()
    if text == answer:
        return {"text": text, "gap": None}
    # The first token after which the other text cannot be reached any more: the best two logits of that step.
    for count in range(len(written)):
        if not answer.startswith(pieces.decode(written[: count + 1]).strip()):
            break
    top = model(torch.tensor([ids(prompt) + written[:count]])).logits[0, -1].topk(2).values
    return {"text": text, "gap": (top[0] - top[1]).item()}


likelihoods = [[likelihood(one["prompt"], choice["text"]) for choice in one["likelihoods"]] for one in job["choices"]]
texts = [greedy(one["prompt"], one["answer"]) for one in job["texts"]]
print(json.dumps({"likelihoods": likelihoods, "texts": texts}))
