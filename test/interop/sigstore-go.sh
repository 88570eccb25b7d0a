#!/usr/bin/env bash
# Sigstore's clients in Go take trusted_root.json from the TUF targets of a domain, with nothing but root.json, and verify
# with it: sigstore-go, whose TUF client and verifier cosign uses, and the older TUF client that policy-controller uses.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
if ! command -v go >/dev/null; then
  echo "SKIPPED: sigstore-go needs Go 1.25.8 or newer"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$root/test/interop/sigstore-go" && go build -p 2 -o "$work/sigstore-go" .)
"$root/node_modules/.bin/node" "$root/test/interop/sigstore-go.ts" "$work/sigstore-go"
