#!/usr/bin/env bash
# Stock tools of registries read bundles and mirrors, and carry bundles along: oras, regctl and crane, with CNCF distribution
# as the registry, which lists no referrers by itself.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
. "$root/test/interop/tools.sh"
need_tools oras regctl crane registry
"$root/node_modules/.bin/node" "$root/test/interop/bundle-tools.ts"
