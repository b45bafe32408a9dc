"""Writes small Parquet and Arrow files with pyarrow, and the same rows as JSON lines.

python3 tests/golden/tables/make.py   (pyarrow 26.0.1 wrote the files that are checked in)
"""

import datetime
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq

HERE = Path(__file__).parent

ROWS = [
    {
        "messages": [
            {"role": "system", "content": "Vasta lühidalt."},
            {"role": "user", "content": f"Mis on {n} pluss üks?\nÜtle arv."},
            {"role": "assistant", "content": f"See on {n + 1}."},
        ],
        "text": f"Kass number {n} magas õues \"suure\" puu all, sest ilm oli soe.",
        "kind": ["lugu", "uudis", "kiri"][n % 3],
        "translation": {"en": f"The cat number {n} slept.", "et": f"Kass number {n} magas."},
        "score": n / 4,
        "input_ids": [1, 5 + n, 7, 2],
        "labels": [-100, -100, 7, 2],
        "when": datetime.datetime(2024, 2, 29, 12, n, 5, 250000),
    }
    for n in range(7)
]

MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
FIELDS = {
    "messages": pa.list_(MESSAGE),
    "text": pa.string(),
    "kind": pa.string(),
    "translation": pa.struct([("en", pa.string()), ("et", pa.string())]),
    "score": pa.float64(),
    "input_ids": pa.list_(pa.int32()),
    "labels": pa.list_(pa.int64()),
    "when": pa.timestamp("us"),
}


def table(**types):
    return pa.Table.from_pylist(ROWS, schema=pa.schema(list({**FIELDS, **types}.items())))


def stream(name, batches, schema, **options):
    with pa.OSFile(str(HERE / name), "wb") as sink:
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            for batch in batches:
                writer.write_batch(batch)


def main():
    with open(HERE / "rows.jsonl", "w", encoding="utf-8") as out:
        for row in ROWS:
            row = {**row, "when": row["when"].isoformat()}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    plain = table()
    for compression in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(plain, HERE / f"{compression}.parquet", compression=compression, row_group_size=3)
    pq.write_table(plain, HERE / "v2-delta.parquet", data_page_version="2.0", use_dictionary=False,
                   column_encoding={"text": "DELTA_BYTE_ARRAY", "kind": "DELTA_LENGTH_BYTE_ARRAY"})
    large = table(text=pa.large_string(), messages=pa.large_list(MESSAGE), when=pa.timestamp("ns", "UTC"))
    pq.write_table(large, HERE / "large.parquet")
    views = table(text=pa.string_view(), kind=pa.dictionary(pa.int8(), pa.string()))
    pq.write_table(views, HERE / "views.parquet")
    unmarked = table(text=pa.binary())
    pq.write_table(unmarked, HERE / "bytes.parquet", store_schema=False)

    stream("stream.arrow", plain.to_batches(max_chunksize=3), plain.schema)
    stream("views.arrow", views.to_batches(), views.schema)
    stream("large.arrow", large.to_batches(), large.schema, compression="zstd")
    # As large language-data tools without an end mark write it: the stream ends with its last batch.
    whole = (HERE / "stream.arrow").read_bytes()
    assert whole.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    (HERE / "no-end.arrow").write_bytes(whole[:-8])
    pyarrow.feather.write_feather(plain, str(HERE / "file.feather"), compression="lz4", chunksize=3)
    with pa.OSFile(str(HERE / "file.arrow"), "wb") as sink:
        with pa.ipc.new_file(sink, views.schema) as writer:
            writer.write_table(views, max_chunksize=2)


main()
