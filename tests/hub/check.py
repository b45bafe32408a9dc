"""Asks the tests' small Hub through huggingface_hub, to see that it answers as the real one.

    python tests/hub/check.py ENDPOINT CACHE

What the CACHE holds already, as emakeel left it, is not fetched anew.
"""
import os
import sys

os.environ["HF_ENDPOINT"] = sys.argv[1]
os.environ["HF_HUB_DISABLE_XET"] = "1"
cache = os.environ["HF_HUB_CACHE"] = sys.argv[2]

from huggingface_hub import HfApi, hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

api = HfApi()
print("commit", api.dataset_info("keel/words").sha)
files = [entry for entry in api.list_repo_tree("keel/words", repo_type="dataset", recursive=True)]
print("tree", [(entry.path, getattr(entry, "size", "folder"), bool(getattr(entry, "lfs", None))) for entry in files])
for path in ["README.md", "data/train-1.jsonl", "data/small.jsonl"]:
    place = hf_hub_download("keel/words", path, repo_type="dataset")
    print(path, os.path.getsize(place), os.readlink(place))
print("branch", hf_hub_download("keel/words", "README.md", repo_type="dataset", revision="refs/convert/parquet"))
for what, error in [(dict(filename="none"), EntryNotFoundError), (dict(revision="none"), RevisionNotFoundError),
                    (dict(repo_id="keel/none"), RepositoryNotFoundError)]:
    try:
        hf_hub_download(**{"repo_id": "keel/words", "filename": "README.md", "repo_type": "dataset", **what})
        raise SystemExit(f"{what} was answered")
    except error as found:
        print("refused", what, type(found).__name__)
folder = snapshot_download("keel/words", repo_type="dataset")
print("snapshot", sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names))
report = scan_cache_dir(cache)
print("cache", [(repo.repo_id, repo.repo_type, repo.nb_files, repo.size_on_disk) for repo in report.repos], report.warnings)
