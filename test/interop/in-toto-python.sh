#!/usr/bin/env bash
# Layouts and links of Stemma are verified by the Python reference implementation of in-toto, and the other way round.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
if ! command -v python3 >/dev/null || ! python3 -c 'import venv, sys; sys.exit(sys.version_info < (3, 10))'; then
  echo "SKIPPED: in-toto needs Python 3.10 or newer with venv"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/test/interop/in-toto-requirements.txt"
"$root/node_modules/.bin/node" "$root/test/interop/in-toto-peer.ts" exchange \
  "python=$work/venv/bin/python $root/test/interop/in_toto_peer.py"
# The stock command, given the owner's public key and nothing else of ours.
"$root/node_modules/.bin/node" "$root/test/interop/in-toto-stock.ts" python --layout --verification-keys --link-dir \
  "$work/venv/bin/in-toto-verify"
