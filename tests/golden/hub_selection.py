"""Which files Python's `datasets` takes for a subset and a split: writes hub_selection.json.

    pip install datasets==5.2.0 && python hub_selection.py

Each layout is a list of files (and a README's header); the answer is, for each subset asked for, the splits and their
files, or the word "error". Formats that hold no text are left out of the layouts: `datasets` reads them, emakeel does not.
"""
import json, pathlib, tempfile, textwrap

import yaml
from datasets.data_files import DataFilesDict, get_data_patterns, sanitize_patterns
from datasets.load import infer_module_for_data_files
from datasets.packaged_modules import _ALL_ALLOWED_EXTENSIONS, _MODULE_TO_EXTENSIONS
from datasets.utils.metadata import MetadataConfigs

LAYOUTS = [
    dict(name="shards", files=["README.md", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
                               "data/test-00000-of-00001.parquet", "data/extra.stuff-00000-of-00001.parquet"]),
    dict(name="shards with a hash", files=["data/train-00000-of-00001-0123456789abcdef.parquet",
                                           "data/train_sft-00000-of-00001.parquet"]),
    dict(name="files", files=["train.csv", "test.csv", "dev.csv", "notes.md"]),
    dict(name="numbered files", files=["train_0.jsonl", "train_1.jsonl", "train_10.jsonl", "my-test.jsonl", "eval.jsonl"]),
    dict(name="no word", files=["b.jsonl", "a.jsonl", "sub/c.jsonl", "README.md", "config.json", "dataset_infos.json"]),
    dict(name="words inside words", files=["trainer.jsonl", "contest.jsonl", "valuable.jsonl"]),
    dict(name="folders", files=["train/a.txt", "train/b.txt", "validation/a.txt", "test-set/x.txt", "other.txt"]),
    dict(name="deep folders", files=["et/train/0.jsonl", "et/test/0.jsonl", "en/train/0.jsonl", "en/train/1.jsonl"]),
    dict(name="folder as subset", files=["et/train.jsonl", "et/test.jsonl", "en/train.jsonl", "en/all.txt"],
         subsets=[None, "et", "en", "fi"]),
    dict(name="hidden", files=[".hidden.jsonl", ".git/train.jsonl", "__cache__/train.jsonl", "train.jsonl"]),
    dict(name="compressed", files=["train.jsonl.gz", "test.jsonl.zst", "train.txt"]),
    dict(name="one format wins", files=["a.csv", "b.csv", "c.jsonl"]),
    dict(name="a draw", files=["a.csv", "b.jsonl", "c.parquet"]),
    dict(name="tables", files=["train.csv", "train-2.tsv", "train-3.csv"]),
    dict(name="a word twice", files=["train/train-1.jsonl", "train/2.jsonl", "x-train-train-3.jsonl"]),
    dict(name="empty", files=["README.md"]),
    dict(name="header: one path", files=["x/a.jsonl", "x/b.jsonl", "train.jsonl"], readme="""
        configs:
        - config_name: default
          data_files: x/*.jsonl
        """),
    dict(name="header: list", files=["part0/a.jsonl", "part1/b.jsonl", "part0/c.jsonl"], readme="""
        license: apache-2.0
        configs:
        - config_name: main
          data_files:
          - part1/*
          - part0/*
        """),
    dict(name="header: splits", files=["a/train.jsonl", "a/deep/more.jsonl", "a/held.jsonl", "b.jsonl"], readme="""
        configs:
        - config_name: default
          data_files:
          - split: train
            path: [a/train.jsonl, "a/*/*.jsonl"]
          - split: held_out
            path: a/held.jsonl
        """),
    dict(name="header: subsets", files=["et/1.parquet", "et/2.parquet", "en/1.parquet", "en/val.parquet"],
         subsets=[None, "et", "en", "fi"], readme="""
        configs:
        - config_name: et
          data_files: "et/*.parquet"
        - config_name: en
          default: true
          data_files:
          - split: train
            path: "en/[0-9].parquet"
          - split: validation
            path: "en/val*"
        """),
    dict(name="header: no default", files=["et.jsonl", "en.jsonl"], subsets=[None, "et"], readme="""
        configs:
        - config_name: et
          data_files: et.jsonl
        - config_name: en
          data_files: en.jsonl
        """),
    dict(name="header: folders", files=["one/train.jsonl", "one/test.jsonl", "two/data/train-00000-of-00001.jsonl"],
         subsets=["one", "two"], readme="""
        configs:
        - config_name: one
          data_dir: one
        - config_name: two
          data_dir: two
        """),
    dict(name="header: everything", files=["a.jsonl", "b/c.jsonl", "b/d.txt", "README.md"], readme="""
        configs:
        - config_name: default
          data_files: "**"
        """),
    dict(name="header: any depth", files=["x/train.jsonl", "train.jsonl", "x/y/train.jsonl"], readme="""
        configs:
        - config_name: default
          data_files:
          - split: train
            path: "**/train.jsonl"
        """),
    dict(name="header: other things", files=["train.jsonl", "test.jsonl"], readme="""
        license: mit
        dataset_info: {features: [{name: text, dtype: string}]}
        """),
]


def splits(root, patterns, base):
    files = DataFilesDict.from_patterns(patterns, base_path=base, allowed_extensions=_ALL_ALLOWED_EXTENSIONS)
    module, _ = infer_module_for_data_files(files)
    files = files.filter(extensions=_MODULE_TO_EXTENSIONS[module])
    short = lambda path: str(pathlib.Path(path).relative_to(root))
    return {str(split): [short(path) for path in paths] for split, paths in files.items() if paths}


def answer(root, configs, subset):
    if configs:
        subset = subset or configs.get_default_config_name()
        config = configs[subset]
        base = str(pathlib.Path(root, config.get("data_dir") or ""))
        files = config.get("data_files")
        return splits(root, sanitize_patterns(files) if files is not None else get_data_patterns(base), base)
    base = str(pathlib.Path(root, subset or ""))
    return splits(root, get_data_patterns(base), base)


def main():
    answers = []
    for layout in LAYOUTS:
        header = textwrap.dedent(layout.get("readme", ""))
        with tempfile.TemporaryDirectory(prefix="layout") as root:
            for name in layout["files"]:
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("x\n")
            configs = MetadataConfigs.from_dataset_card_data(yaml.safe_load(header) or {})
            asked = []
            for subset in layout.get("subsets", [None]):
                try:
                    found = answer(root, configs, subset)
                except (FileNotFoundError, KeyError, ValueError):
                    found = "error"
                asked.append(dict(subset=subset, splits=found))
        answers.append(dict(name=layout["name"], files=layout["files"], header=header, asked=asked))
    text = json.dumps(answers, indent=1) + "\n"
    pathlib.Path(__file__).with_name("hub_selection.json").write_text(text)


main()
