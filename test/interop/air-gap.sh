#!/usr/bin/env bash
# A bundle is verified in a network namespace without interfaces: there is nothing that could be asked.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node="$root/node_modules/.bin/node"
stemma="$root/packages/cli/src/main.ts"

# As root, or as an ordinary user with a user namespace of its own.
if unshare -n true 2>/dev/null; then
  apart="unshare -n"
elif unshare -rn true 2>/dev/null; then
  apart="unshare -rn"
else
  echo "SKIPPED: this machine allows no network namespaces, so the air gap was not tested." >&2
  exit 0
fi

"$node" "$root/test/interop/air-gap.ts" "$work"
cd "$work"

# The gap is one: no interface but the loopback, which is down, and no route.
# shellcheck disable=SC2016
$apart sh -c '
  interfaces=$(sed -n "3,\$p" /proc/net/dev | cut -d: -f1 | tr -d " ")
  [ "$interfaces" = lo ] || { echo "The namespace has the interfaces $interfaces." >&2; exit 1; }
  [ "$(sed -n "2,\$p" /proc/net/route | wc -l)" = 0 ] || { echo "The namespace has routes." >&2; exit 1; }
'
$apart "$node" -e '
  const socket = require("node:net").connect(443, "192.0.2.1");
  socket.on("error", ({ code }) => process.exit(code === "ENETUNREACH" ? 0 : 1)).on("connect", () => process.exit(1));
' || { echo "The namespace has a network." >&2; exit 1; }

expect() {
  local wanted=$1
  shift
  local code=0
  $apart "$node" "$stemma" "$@" >out 2>&1 || code=$?
  if [ "$code" -ne "$wanted" ]; then
    cat out
    echo "stemma $* ended with $code, not with $wanted." >&2
    exit 1
  fi
}

expect 0 bundle verify app.bundle app --root root.json
grep -q ALLOW out
grep -q "cannot know: Whatever was published after timestamp" out
expect 0 verify app --bundle app.bundle --root root.json
expect 0 bundle extract app.bundle --to mirror
expect 0 verify app --directory mirror --root root.json
# Another file is denied, and a damaged bundle is no verdict, without a network as with one.
echo another >other
expect 1 bundle verify app.bundle other --root root.json
head -c 2000 app.bundle >half.bundle
expect 3 bundle verify half.bundle app --root root.json
expect 1 bundle verify app.bundle app --root root.json --at 2099-01-01
echo "ok: a bundle was verified, extracted and refused without a network"
