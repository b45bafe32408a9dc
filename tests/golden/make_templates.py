"""Writes what transformers makes of conversations in the chat templates.

    python tests/golden/make_templates.py                                   templates.json beside this file
    python tests/golden/make_templates.py --big FOLDER --data ../shared/data [--conversations 1200]
    python tests/golden/make_templates.py --public FOLDER TEMPLATE.jinja ...

The first file is small and has our own conversations and made-up tokenizers. The second holds real conversations with the Llama 2
tokenizer: FOLDER/golden.jsonl and FOLDER/tokenizers/, which `cargo test --test templates` reads where EMAKEEL_TEMPLATE_GOLDEN names FOLDER.
The third adds FOLDER/public.json: our conversations in templates that other people wrote (texts or "refused"), read by the same test.
Needs transformers, tokenizers and jinja2. For each conversation: the text, the ids and the assistant's mask of
`apply_chat_template(..., return_dict=True, return_assistant_tokens_mask=True)`, and the ids of the prompt before the last answer. Rows in
which somebody writes the name of a special token are left out (transformers makes the token of it, we do not) and counted.
"""

import argparse
import json
import pathlib
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
FORMATS = HERE / "../../src/data/template/formats"
NAMES = ["llama-2-chat", "llama-3", "chatml", "tulu"]
CHAT_TOKENS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"]

# What llammas-chat writes, as a template: the same text, and no line feed after the last answer.
LLAMMAS_CHAT = """\
{%- for message in messages -%}
    {%- if message['role'] == 'assistant' -%}
        {{- '<|assistant|>\\n' -}}
        {%- generation -%}{{- message['content'] | trim ~ eos_token -}}{%- endgeneration -%}
        {{- '' if loop.last else '\\n' -}}
    {%- else -%}
        {{- '<|' ~ message['role'] ~ '|>\\n' ~ message['content'] | trim ~ '\\n' -}}
    {%- endif -%}
{%- endfor -%}
{{- '<|assistant|>\\n' if add_generation_prompt else '' -}}
"""

TALKS = [
    [["user", "Tere!"], ["assistant", "Tere! Kuidas läheb?"]],
    [["system", "Ole lahke ja vasta lühidalt."], ["user", " Mis on kolm pluss neli? "], ["assistant", " Seitse.\n"]],
    [["user", "Üks"], ["assistant", "kaks"], ["user", "kolm"], ["assistant", "neli"], ["user", "viis"], ["assistant", "kuus"]],
    [["system", "\nKirjuta koodi."], ["user", "fn main() {\n    let a = [1, 2];\n}"], ["assistant", "```rust\nfn main() {}\n```\n\nValmis 😀 — 中文 ja žürii."], ["user", "\tAitäh  sulle\u00a0"], ["assistant", "  - esimene\n  - teine"]],
    [["user", "a < b ja <|im_ ning [INST] jääb sõnadeks"], ["assistant", "Jah, { ja } ja {% ka."]],
    [["user", "…"], ["assistant", "\u3000x\u2028y\x1f"], ["user", "<"], ["assistant", ">"]],
]

# Jinja that chat templates use, each rendered with the same two messages.
SNIPPETS = [
    "{{ bos_token }}{{ unk_token }}|{{ missing }}|{{ messages[0].missing }}",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a\n  {%+ if true +%}\n  b\n  {%- endif -%}\n c\n\n",
    "  {# note #}  \n{% for m in messages %}\n{{ loop.index0 }}{{ m.role }}{% if loop.last %}!{% endif %}\n{% endfor %}\n",
    "{% for m in messages %}{% if loop.index == 2 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "{% for m in messages if m['role'] != 'user' %}{% continue %}{% endfor %}{{ messages | length }}",
    "{% set ns = namespace(found=false, n=1) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}{{ ns.found }}",
    "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "x \n  {%- generation +%}\n a \n {%+ endgeneration -%}\n y",
    "  {% generation %}\n  {{ messages[1].content }}\n  {% endgeneration %}\nz",
    "{% macro say(m, end='.') %}{{ m.role }}:{{ m.content | trim }}{{ end }}{% endmacro %}{{ say(messages[0]) }}{{ say(messages[1], end='?') }}",
    "{{ messages[1:] | length }}{{ messages[-1]['role'] }}{{ messages[::-1][0].role }}",
    "{{ messages | tojson }}",
    "{{ messages | tojson(indent=2) }}",
    "{{ {'b': [1, 2.5, 1e16, 1e-7, -0.0, true, none], 'a': '<&>\\'\\u00e4 \"x\" \\\\ \\n'} | tojson }}",
    "{{ {'b': [], 'a': {}, 'c': [[1]]} | tojson(indent=4) }}",
    "{{ {'b': 1, 'a': 'õ'} | tojson(ensure_ascii=true, sort_keys=true, separators=(',', ':')) }}",
    "{{ tools }}|{{ documents is none }}|{{ tools is defined }}|{{ add_generation_prompt }}|{{ true }}|{{ 1.0 }}|{{ [1, 'a', none] }}",
    "{{ 'a,b,,c'.split(',') | join('+') }}{{ ' a  b '.split() | join('+') }}{{ 'x</t>y</t>z'.split('</t>')[-1] }}",
    "{{ '  a b  '.strip() }}|{{ '\\n\\na'.lstrip('\\n') }}|{{ 'a\\n'.rstrip() }}|{{ 'xxaxx'.strip('x') }}",
    "{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'abc'.upper() }}{{ 'aXa'.replace('a', 'b') }}{{ 'abc'.find('c') }}",
    "{{ 'a=b=c'.partition('=') | join('|') }}{{ 'a=b=c'.rpartition('=') | join('|') }}{{ 'a=b=c'.rsplit('=', 1) | join('|') }}{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}",
    "{{ 'ab' in messages[0].content }}{{ 'role' in messages[0] }}{{ messages[0].content is string }}{{ messages is iterable }}{{ messages[0] is mapping }}",
    "{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{{ messages[0].get('x', 'none') }}{{ messages[0].keys() | list }}",
    "{{ messages | map(attribute='role') | join(',') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'equalto', 'user') | first }}",
    "{{ 'a' ~ 1 ~ none ~ true }}{{ 7 // 2 }}{{ 7 % 3 }}{{ 2 ** 3 }}{{ 'ab' * 2 }}{{ 1 if false }}|{{ [1, 2] + [3] }}",
    "{% set text %}a{{ 1 }}\n{% endset %}[{{ text }}]{{ text | length }}",
    "{{ messages[0].content | trim | upper | lower | capitalize | title }}{{ 'x' | default('y') }}{{ missing | default('y') }}{{ '' | default('z', true) }}",
    "{{ (messages[0].content | trim)[:2] }}{{ 'abc'[-1] }}{{ 'a\\tb' | replace('\\t', ' ') }}{{ [3, 1, 2] | sort | join }}{{ range(3) | list }}",
    "{% raw %}{{ x }}{% generation %}{% endraw %}\n{{ '{% generation %}' }}",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\n",
    "{% if not tools %}n{% endif %}{% if tools is not none and tools %}y{% else %}m{% endif %}{{ loop is defined }}",
    "{% filter upper %}ab{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}{% set a, b = 1, 2 %}{{ a + b }}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if not loop.last }};{% endfor %}",
    "{% call(x) f() %}{% endcall %}",
    "{{ messages[5].role }}",
    "{{ missing.role }}",
    "{{ raise_exception('no') }}",
    "{{ 1 / 0 }}",
    "{{ missing | tojson }}",
    "{% if %}",
    "{% generation %}",
]


def conversation(talk):
    return [{"role": role, "content": content} for role, content in talk]


def made_tokenizers():
    """Small vocabularies of our own: SentencePiece's way with both kinds of space in front, and byte level as in Llama 3."""
    words = [text for talk in TALKS for _, text in talk] + ["<|user|>\n<|assistant|>\n<|system|>\nassistant\nsystem\nuser [INST] [/INST] <<SYS>>\n<</SYS>>\n\n"] * 20
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["<unk>", "<s>", "</s>"]
    chat = [AddedToken(token, special=True, normalized=False) for token in CHAT_TOKENS[1:]]
    made = {}
    for name in ["first", "legacy"]:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
        tokenizer.train_from_iterator([part for word in words for part in word.split("\n")], trainers.BpeTrainer(vocab_size=420, special_tokens=special + bytes_, show_progress=False))
        model = json.loads(tokenizer.to_str())["model"]
        tokenizer = Tokenizer(models.BPE(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        if name == "first":
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        else:
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special] + chat)
        made[name] = (tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(split, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    strips = AddedToken("<|im_end|>", special=True, normalized=False, rstrip=True)
    tokenizer.add_special_tokens([AddedToken("<|end_of_text|>", special=True, normalized=False), AddedToken("<|begin_of_text|>", special=True, normalized=False), *chat[:-1], strips])
    made["bytes"] = (tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"})
    return made


def opened(folder, tokenizer, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return AutoTokenizer.from_pretrained(folder)


def templates():
    written = {name: (FORMATS / f"{name}.jinja").read_text() for name in NAMES}
    return {**written, "llammas-chat": LLAMMAS_CHAT}


def case(tokenizer, name, template, talk):
    messages = conversation(talk)
    try:
        both = tokenizer.apply_chat_template(messages, chat_template=template, return_dict=True, return_assistant_tokens_mask=True)
        prompt = tokenizer.apply_chat_template(messages[:-1], chat_template=template, add_generation_prompt=True, return_dict=False)
    except Exception as error:
        return {"template": name, "talk": talk, "refused": str(error)}
    text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
    mask = "".join(str(int(one)) for one in both["assistant_masks"])
    return {"template": name, "talk": talk, "text": text, "ids": both["input_ids"], "mask": mask, "prompt": prompt}


def snippet(tokenizer, template):
    messages = conversation([["user", " Tere, ab! "], ["assistant", "Hea\n"]])
    try:
        return {"template": template, "text": tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)}
    except Exception:
        return {"template": template, "refused": True}


def small():
    golden = {"tokenizers": {}, "cases": [], "snippets": []}
    refused = [[["user", "a"], ["user", "b"], ["assistant", "c"]], [["user", "a"], ["system", "s"], ["assistant", "c"]]]
    with tempfile.TemporaryDirectory() as folder:
        for name, (made, config) in made_tokenizers().items():
            content = json.loads(made.to_str())
            golden["tokenizers"][name] = {"tokenizer": content, "config": config}
            tokenizer = opened(pathlib.Path(folder) / name, json.dumps(content), config)
            for template, text in templates().items():
                # With a space after every special token there is no llammas-chat of several turns.
                if template == "llammas-chat" and name != "first":
                    continue
                for talk in TALKS + refused:
                    golden["cases"].append({"tokenizer": name, **case(tokenizer, template, text, talk)})
            if name == "first":
                golden["snippets"] = [snippet(tokenizer, template) for template in SNIPPETS]
    path = HERE / "templates.json"
    path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes,", len(golden["cases"]), "cases")


def rows(data):
    """Single questions with their answers, and whole conversations, from the files of instructions."""
    singles, talks = [], []
    for file in ["alpaca_en_demo.json", "alpaca_5000.json", "gsm8k_train_alpaca.json"]:
        for row in json.loads((data / "instruct" / file).read_text()):
            question = row["instruction"] + ("\n" + row["input"] if row.get("input") else "")
            singles.append([question, row["output"]])
    for file in ["seed_tasks_en.jsonl", "seed_tasks_est.jsonl", "user_oriented_instructions.jsonl"]:
        for line in (data / "instruct" / file).read_text().splitlines():
            row = json.loads(line)
            for instance in row["instances"]:
                question = row["instruction"] + ("\n" + instance["input"] if instance["input"] else "")
                singles.append([question, instance["output"]])
    roles = {"human": "user", "gpt": "assistant", "system": "system"}
    for file in ["dummy_conversation.json", "glaive_toolcall_en_demo.json"]:
        for row in json.loads((data / "instruct" / file).read_text()):
            turns = [[roles.get(turn["from"]), turn["value"]] for turn in row["conversations"]]
            expected = ["user", "assistant"] * (len(turns) // 2)
            if turns and [role for role, _ in turns] == expected:
                talks.append(turns)
    return [single for single in singles if single[0].strip() and single[1].strip()], talks


def real_talks(data, count):
    singles, talks = rows(data)
    systems = ["You are a helpful assistant.", "Vasta eesti keeles ja lühidalt.", "  Think step by step.\nThen answer.  ", ""]
    made, at = list(talks[: count // 4]), 0
    step = max(1, len(singles) * 2 // (5 * count))
    while len(made) < count:
        turns = []
        for _ in range(1 + len(made) % 4):
            question, answer = singles[at % len(singles)]
            at += step
            turns += [["user", question], ["assistant", answer]]
        made.append(turns)
    for index, turns in enumerate(made):
        if index % 2 and systems[index % 8 // 2]:
            turns.insert(0, ["system", systems[index % 8 // 2]])
    return made


def llama_tokenizers(folder, data):
    """Llama 2's tokenizer as transformers opens it, and with a space after every special token, both with the tokens of chats."""
    source = (data / "tokenizers/llama2/tokenizer.json").read_text()
    for name, legacy in [("first", False), ("legacy", True)]:
        config = {"tokenizer_class": "LlamaTokenizer", "legacy": legacy, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        tokenizer = opened(folder / f"source-{name}", source, config)
        tokenizer.add_special_tokens({"additional_special_tokens": CHAT_TOKENS})
        # Saved, and opened from the very file that the other side reads.
        tokenizer.save_pretrained(folder / name)
        if legacy:
            # LlamaTokenizer does not write down that it is legacy; what its file says is, and this class heeds it.
            path = folder / name / "tokenizer_config.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}))
        yield name, AutoTokenizer.from_pretrained(folder / name)


def big(folder, data, count):
    talks = real_talks(data, count)
    folder.mkdir(parents=True, exist_ok=True)
    left_out = 0
    with open(folder / "golden.jsonl", "w") as out:
        for name, tokenizer in llama_tokenizers(folder / "tokenizers", data):
            special = tokenizer.all_special_tokens
            for template, text in templates().items():
                if template == "llammas-chat" and name != "first":
                    continue
                for talk in talks:
                    if any(token in words for _, words in talk for token in special):
                        left_out += 1
                        continue
                    out.write(json.dumps({"tokenizer": name, **case(tokenizer, template, text, talk)}, ensure_ascii=False) + "\n")
    print(folder, len(talks), "conversations,", left_out, "rows left out for names of special tokens")


def public(folder, paths, data):
    _, tokenizer = next(iter(llama_tokenizers(folder / "tokenizers", data)))
    written = []
    for path in paths:
        template = path.read_text()
        if path.name == "tokenizer_config.json":
            template = json.loads(template)["chat_template"]
        for talk in TALKS + [TALKS[0][:1], TALKS[1][:2]]:
            for prompt in [False, True]:
                try:
                    text = tokenizer.apply_chat_template(conversation(talk), chat_template=template, tokenize=False, add_generation_prompt=prompt)
                    result = {"text": text}
                except Exception as error:
                    result = {"refused": str(error)}
                written.append({"name": f"{path.parent.name}/{path.name}", "template": template, "talk": talk, "prompt": prompt, **result})
    (folder / "public.json").write_text(json.dumps(written, ensure_ascii=False))
    print(len(written), "texts of", len(paths), "templates")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--big", type=pathlib.Path)
    parser.add_argument("--public", nargs="+", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, default=HERE / "../../../shared/data")
    parser.add_argument("--conversations", type=int, default=1200)
    arguments = parser.parse_args()
    if arguments.big:
        big(arguments.big, arguments.data, arguments.conversations)
    elif arguments.public:
        public(arguments.public[0], arguments.public[1:], arguments.data)
    else:
        small()


main()
