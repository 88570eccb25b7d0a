#!/usr/bin/env bash
# Layouts and links of Stemma are verified by in-toto-golang, and the other way round. Then the documents on which
# implementations are known to differ: by Python too, where there is one.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
if ! command -v go >/dev/null; then
  echo "SKIPPED: in-toto-golang needs Go 1.24 or newer"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$root/test/interop/go" && go build -o "$work/in-toto-go" .)
peers=("go=$work/in-toto-go")
status=0
"$root/node_modules/.bin/node" "$root/test/interop/in-toto-peer.ts" exchange "${peers[0]}" || status=1
if command -v python3 >/dev/null && python3 -c 'import venv, sys; sys.exit(sys.version_info < (3, 10))'; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/test/interop/in-toto-requirements.txt"
  peers+=("python=$work/venv/bin/python $root/test/interop/in_toto_peer.py")
else
  echo "SKIPPED: the column of Python needs Python 3.10 or newer with venv"
fi
"$root/node_modules/.bin/node" "$root/test/interop/in-toto-peer.ts" divergences "${peers[@]}" || status=1
# The stock command, given the owner's public key and nothing else of ours.
(cd "$root/test/interop/go" && go build -o "$work/in-toto" github.com/in-toto/in-toto-golang)
"$root/node_modules/.bin/node" "$root/test/interop/in-toto-stock.ts" go --layout --layout-keys --link-dir \
  "$work/in-toto" verify || status=1
exit "$status"
