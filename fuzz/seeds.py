"""Writes the inputs that the fuzz targets start from, into fuzz/seeds.

    python3 fuzz/seeds.py     (pyarrow 26.0.1, zstandard and Python 3.11 wrote those that are checked in)

The first byte of most of them says as what the others are read; each target says how.
"""

import bz2
import gzip
import io
import json
import lzma
import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import zstandard

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "tests" / "golden"


def write(target, name, content):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


# rows: formats are counted first, templates then.
JSON, JSONL, CSV, TSV, TEXT = range(5)
PLAIN, ALPACA, MESSAGES, COMPLETION, TRANSLATION, TOKENS = range(6)


def rows(name, file_format, template, content):
    content = content if isinstance(content, bytes) else content.encode()
    write("rows", name, bytes([ord("A") + file_format + 5 * template]) + content)


def all_rows():
    text = '{"text": "Kass magab õues."}\n{"text": "Ilm on \\"soe\\"\\n\\u00f5htul \\ud83d\\ude00.", "n": [1, -2.5e3, null, true]}\n'
    rows("text.jsonl", JSONL, PLAIN, text)
    rows("text.json", JSON, PLAIN, '[\n {"text": "Kass"},\n {"text": "Koer"}\n]\n')
    rows("within.json", JSON, PLAIN, '{"version": 1, "data": [{"text": "Kass"}, {"text": "Koer"}], "end": {}}')
    rows("values.json", JSON, PLAIN, '\ufeff{\n "text": "Kass"\n}\n{\n "text": "Koer"\n}\n')
    alpaca = {"instruction": "Tõlgi.", "input": "A cat.", "output": "Kass.", "system": "Ole lahke."}
    rows("alpaca.json", JSON, ALPACA, json.dumps([alpaca, alpaca], ensure_ascii=False))
    turns = [{"role": "system", "content": "Ole lahke."}, {"role": "user", "content": [{"type": "text", "text": "Tere!"}]},
             {"role": "assistant", "content": "Tere!", "weight": 1, "tool_calls": []}]
    rows("messages.jsonl", JSONL, MESSAGES, json.dumps({"messages": turns}) + "\n")
    shared = [{"from": "human", "value": "Tere!"}, {"from": "gpt", "value": "Tere!"}]
    rows("conversations.jsonl", JSONL, MESSAGES, json.dumps({"conversations": shared}) + "\n")
    rows("completion.jsonl", JSONL, COMPLETION, '{"prompt": "Mis on kass?", "completion": "Loom."}\n')
    rows("pair.jsonl", JSONL, TRANSLATION, '{"translation": {"en": "A cat.", "et": "Kass."}}\n')
    rows("tokens.jsonl", JSONL, TOKENS,
         '{"input_ids": [1, 5, 7, 2], "labels": [-100, -100, 7, 2], "attention_mask": [1, 1, 1, 1]}\n'
         '{"input_ids": [1, 5], "assistant_masks": [0, 1]}\n')
    rows("text.csv", CSV, PLAIN, 'id,text\n1,"Kass, ""suur"",\nmagab."\r\n\n2,Koer\n')
    rows("alpaca.csv", CSV, ALPACA, "instruction,input,output\nTõlgi,A cat.,Kass.\n")
    rows("messages.csv", CSV, MESSAGES, 'messages\n"[{""role"": ""user"", ""content"": ""Tere""}, {""role"": ""assistant"", ""content"": ""Hei""}]"\n')
    rows("pair.tsv", TSV, TRANSLATION, "A cat.\tKass.\nA dog.\tKoer.\n")
    rows("lines.txt", TEXT, PLAIN, "Kass magab.\r\nKoer ei maga.\n")
    rows("documents.txt", TEXT, PLAIN, "Kass magab.\nÕues.\n\n\nKoer ei maga.\n")
    packed = text.encode()
    zstd = zstandard.ZstdCompressor(write_checksum=True).compress(packed)
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    rows("text.jsonl.gz", JSONL, PLAIN, gzip.compress(packed, mtime=0) * 2)
    rows("text.jsonl.bz2", JSONL, PLAIN, bz2.compress(packed))
    rows("text.jsonl.xz", JSONL, PLAIN, lzma.compress(packed))
    rows("text.jsonl.zst", JSONL, PLAIN, skipped + zstd)


ROWS = [
    {
        "text": f"Kass number {n} magas õues.",
        "messages": [{"role": "user", "content": "Mis on üks?"}, {"role": "assistant", "content": f"See on {n}."}],
        "translation": {"en": f"Cat {n}.", "et": f"Kass {n}."},
        "input_ids": [1, 5 + n, 2],
    }
    for n in range(4)
]


def tables():
    text = pa.table({"text": [row["text"] for row in ROWS] + [None]})
    words = pa.table({"text": pa.array(["kass", "koer", "kass", None, "kass"]).dictionary_encode()})
    nested = {name: pa.Table.from_pylist([{name: row[name]} for row in ROWS]) for name in ROWS[0]}
    views = pa.table({"text": pa.array([row["text"] for row in ROWS], pa.string_view())})

    def parquet(name, template, table, **options):
        sink = io.BytesIO()
        pq.write_table(table, sink, **{"compression": "none", **options})
        content = sink.getvalue()
        start = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
        write("tables", name + ".parquet", bytes([ord("A") + 3 * template]) + content)
        write("tables", name + ".parquet-without-end",
              bytes([ord("C") + 3 * template]) + struct.pack("<H", start) + content[:-8])

    def arrow(name, template, table, file=False, **options):
        sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(**options)
        with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=2)
        write("tables", name + ".arrow", bytes([ord("B") + 3 * template]) + sink.getvalue())

    bare = {"store_schema": False, "write_statistics": False}
    parquet("plain", 0, text, use_dictionary=False, **bare)
    parquet("dictionary", 0, words, row_group_size=3, write_page_index=True)
    parquet("delta", 0, text, use_dictionary=False, data_page_version="2.0", column_encoding="DELTA_BYTE_ARRAY", **bare)
    parquet("lengths", 0, text, use_dictionary=False, column_encoding="DELTA_LENGTH_BYTE_ARRAY", **bare)
    for compression in ["snappy", "gzip", "zstd", "brotli", "lz4"]:
        parquet(compression, 0, text, compression=compression, **bare)
    parquet("messages", 1, nested["messages"], **bare)
    parquet("pairs", 2, nested["translation"], **bare)
    parquet("tokens", 3, nested["input_ids"], data_page_version="2.0", column_encoding={"input_ids.list.element": "DELTA_BINARY_PACKED"},
            use_dictionary=False, **bare)
    arrow("plain", 0, text)
    arrow("file", 0, text, file=True)
    arrow("dictionary", 0, words)
    arrow("views", 0, views)
    arrow("zstd", 0, text, compression="zstd")
    arrow("lz4", 0, text, compression="lz4")
    arrow("messages", 1, nested["messages"])
    arrow("pairs", 2, nested["translation"])
    arrow("tokens", 3, nested["input_ids"])


def models():
    small = json.loads((GOLDEN / "sentencepiece.json").read_text())["small"]
    text = " abab< õx<tool>".encode()
    # With and without pieces for bytes, a space before texts, squeezed spaces, literals.
    for number in [0, 1, 3, 5, 9, 15]:
        write("sentencepiece", f"small-{number}", bytes([len(text)]) + text + bytes.fromhex(small[number]["model"]))


def caches():
    """What src/data/stream/cache/header.rs describes."""
    for name, wide, marked, ids in [("narrow", 0, 0, [[1, 5, 2], [1, 7, 9, 2]]), ("wide", 1, 1, [[1, 70000, 2], [1, 2]]), ("empty", 0, 1, [])]:
        flat = [id for row in ids for id in row]
        body = struct.pack(f"<{len(flat)}{'I' if wide else 'H'}", *flat)
        if marked:
            marks = sum(1 << at for at, id in enumerate(flat) if id != 1)
            body += marks.to_bytes((len(flat) + 7) // 8, "little")
        for number, row in enumerate(ids):
            body += struct.pack("<IIQQf", len(row), len(row) - 1, 77 * number, number + 1, 1 + number)
        stats = json.dumps({"rows": len(ids), "bytes": 99, "dropped": {"too short": {"rows": 1, "characters": 5}}}).encode()
        body += stats
        sums = struct.pack("<I", zlib.crc32(body)) if body else b""
        header = b"EMAKTOK3" + bytes([5]) * 32 + struct.pack("<QQQII", len(ids), len(flat), len(stats), wide | marked << 1 | 4, zlib.crc32(sums))
        header += bytes(4)
        header = header[:72] + bytes(4) + struct.pack("<I", zlib.crc32(header[:72]))
        write("token-cache", name, b"A" + header + body + sums)
        write("token-cache", name + "-repaired", b"B" + header + body)


def templates():
    for file in sorted((HERE.parent / "src/data/template/formats").glob("*.jinja")):
        write("chat-template", file.name, file.read_text())
    loop = "{% for m in messages %}"
    for name, text in {
        "generation": loop + "{%- if m.role == 'assistant' -%}{% generation %}{{ m['content'] | trim }}{{ eos_token }}{% endgeneration %}"
        "{%- else %}{{ '[' + m.role + ']' ~ m.content }}{% endif %}{% endfor %}",
        "macro": "{% macro turn(m, end='') -%}<{{ m.role }}>{{ m.content }}{{ end }}{% endmacro %}" + loop + "{{ turn(m, end=eos_token) }}{% endfor %}",
        "namespace": "{% set ns = namespace(x='', n=0) %}" + loop + "{% set ns.x = ns.x ~ m.content[1:] %}{% set ns.n = ns.n + 1 %}"
        "{% if loop.last %}{% break %}{% endif %}{% endfor %}{{ ns.x }}{{ ns.n % 2 }}",
        "methods": loop + "{{ m.content.strip().split('a')[0].upper() }}{{ m.content.replace('e', 'ee') | indent(2) }}"
        "{{ m.content.startswith('T') }}{{ m.content.rsplit('e', 1) | join(', ') }}{{ m.content | length }}{% endfor %}",
        "json": "{{ messages | tojson(indent=2) }}{{ {'a': [1, 2.5, none], 'b': true} | tojson }}{{ strftime_now('%d %b %Y') }}",
        "raw": "{% raw %}{% generation %}{% endraw %}{# {% generation %} #}{{ '{% raw %}' }}\r\n",
        "filters": "{{ range(9) | list | map('string') | select('ne', '3') | sort | unique | join('-') }}{{ messages | map(attribute='role') | list }}"
        "{{ messages | selectattr('role', 'equalto', 'user') | first }}{{ 'abc' | replace('b', 'x') | upper | center(9) }}",
        "raise": "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[-1].content[::-1] }}{{ 'x' * 3 }}",
    }.items():
        write("chat-template", name, text)


all_rows()
tables()
models()
caches()
templates()
