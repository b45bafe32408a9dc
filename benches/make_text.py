"""Writes a large text source out of the words of smaller ones, to measure tokenizing and planning.

    python3 benches/make_text.py OUT --words FOLDER --bytes 8e9              documents of about 2 KB, one a line
    python3 benches/make_text.py OUT --words FOLDER --bytes 1e9 --document 12   very many short rows

Words are drawn as often as they stand in the folder's .txt files, so that tokens are as long as in real text. The same
arguments give the same file. Then, with OUT as the `path` of a source in a recipe:

    /usr/bin/time -v emakeel data recipe.yaml
"""

import argparse
import pathlib
import random


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--words", type=pathlib.Path, required=True, help="a folder of .txt files")
    parser.add_argument("--bytes", type=float, default=2e9, help="the size of the file, at least")
    parser.add_argument("--document", type=int, default=2000, help="bytes of a document, on average")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    words = [word for path in sorted(args.words.glob("*.txt")) for word in path.read_text("utf-8").split()]
    average = sum(len(word.encode()) + 1 for word in words) / len(words)
    per_document = max(1.0, args.document / average)
    dice = random.Random(args.seed)
    written, rows = 0, 0
    with args.out.open("wb", buffering=1 << 20) as out:
        while written < args.bytes:
            # From half as long to half as long again.
            count = max(1, round(per_document * (0.5 + dice.random())))
            written += out.write((" ".join(dice.choices(words, k=count)) + "\n").encode())
            rows += 1
    print(f"{rows} rows, {written} bytes")


if __name__ == "__main__":
    main()
