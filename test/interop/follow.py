"""Follows a trust domain with python-tuf: follow.py BASE-URL ROOT.json DIGEST"""

import sys
import tempfile

from tuf.ngclient import Updater

base, root, digest = sys.argv[1:]
with open(root, "rb") as file:
    pinned = file.read()
updater = Updater(
    metadata_dir=tempfile.mkdtemp(),
    metadata_base_url=f"{base}/metadata/",
    target_dir=tempfile.mkdtemp(),
    target_base_url=f"{base}/targets/",
    bootstrap=pinned,
)
updater.refresh()
record = updater.get_targetinfo("sha256/" + digest)
assert record is not None, "the record was not found"
assert record.hashes["sha256"] == digest, record.hashes
layout = updater.get_targetinfo("projects/app/layout.json")
assert layout is not None, "the layout was not found"
updater.download_target(layout)
assert updater.get_targetinfo("sha256/" + "0" * 64) is None
print(f"python-tuf found the record ({record.length} bytes) and downloaded the layout ({layout.length} bytes)")
