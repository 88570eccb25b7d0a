#!/usr/bin/env bash
# The reference implementation follows a trust domain of Stemma over HTTP: python-tuf's client, unchanged.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
if ! command -v python3 >/dev/null || ! python3 -c 'import venv, sys; sys.exit(sys.version_info < (3, 10))'; then
  echo "SKIPPED: python-tuf needs Python 3.10 or newer with venv"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'tuf==7.0.0' 'securesystemslib[crypto]==1.4.0'
"$root/node_modules/.bin/node" "$root/test/interop/serve-domain.ts" "$work/venv/bin/python" "$root/test/interop/follow.py"
