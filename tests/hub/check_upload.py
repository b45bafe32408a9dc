"""Sends a folder to the tests' small Hub through huggingface_hub, and reads what emakeel sent there.

    python tests/hub/check_upload.py ENDPOINT CACHE FOLDER OURS THEIRS

OURS is the repository that emakeel made of the FOLDER, THEIRS is to be made here.
"""
import os
import sys

_, endpoint, cache, folder, ours, theirs = sys.argv
os.environ["HF_ENDPOINT"] = endpoint
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_CACHE"] = cache

from huggingface_hub import CommitOperationAdd, HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

api = HfApi()
api.create_repo(theirs, exist_ok=True)
commit = api.upload_folder(repo_id=theirs, folder_path=folder, commit_message="Add the adapter")
print("theirs", commit.oid)
print("ours", api.model_info(ours).sha)

# What emakeel sent, the client has nothing to add to.
before = api.model_info(ours).sha
again = api.upload_folder(repo_id=ours, folder_path=folder, commit_message="Again")
assert again.oid == before, "the client would send other bytes"

tree = lambda name: [(e.path, e.size, e.blob_id) for e in api.list_repo_tree(name, recursive=True)]
assert tree(ours) == tree(theirs), (tree(ours), tree(theirs))

# Both can be read back, byte for byte.
for name in [ours, theirs]:
    place = snapshot_download(name)
    for entry in os.listdir(folder):
        with open(os.path.join(folder, entry), "rb") as a, open(os.path.join(place, entry), "rb") as b:
            assert a.read() == b.read(), entry
    print("read", name, sorted(os.listdir(place)))

with open(os.path.join(cache, "note.md"), "w") as out:
    out.write("a change\n")
pull = api.upload_file(path_or_fileobj=os.path.join(cache, "note.md"), path_in_repo="note.md", repo_id=theirs, create_pr=True)
print("pull request", pull.pr_url)

for what, wanted in [(dict(token="hf_nobody"), 403), (dict(token="stolen"), 401)]:
    try:
        HfApi(**what).create_repo("keel/other")
        raise SystemExit(f"{what} was let in")
    except HfHubHTTPError as error:
        assert error.response.status_code == wanted, (what, error)
        print("refused", wanted)
try:
    api.create_commit(theirs, [CommitOperationAdd("a.md", b"a")], commit_message="x", parent_commit="0" * 40)
    raise SystemExit("a commit on another parent was taken")
except HfHubHTTPError as error:
    assert error.response.status_code == 412, error
    print("refused", 412)
