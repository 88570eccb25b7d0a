#!/usr/bin/env bash
# The packed command, installed from its tarball in a folder of its own, works there with nothing of the checkout.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
npm run --silent build
node_modules/.bin/node scripts/package-cli.ts "$work/release"
mkdir "$work/user"
cd "$work/user"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error "$work"/release/stemma-cli-*.tgz
PATH="$root/node_modules/.bin:$PATH"
stemma=./node_modules/.bin/stemma
$stemma --version
$stemma key new a.pem --no-passphrase
$stemma key show a.pem.pub --json
$stemma run --step write --key a.pem --products out.txt -o write.link -- sh -c 'echo hello > out.txt'
test -s write.link
# No server at hand: that is neither allow nor deny.
set +e
$stemma verify "sha256:$(sha256sum out.txt | cut -d' ' -f1)" --root a.pem.pub --domain none --project none --server http://127.0.0.1:9
[ $? -ne 0 ]
