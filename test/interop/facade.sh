#!/usr/bin/env bash
# Stock clients of registries read evidence from the façade of a registry, /v2/ of the repository service; and what stock
# cosign attached elsewhere comes on record there. Tools that are not on the PATH are built into STEMMA_TOOLS, or into the
# user's cache, where the next run finds them.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
. "$root/test/interop/tools.sh"
need_tools conformance cosign oras regctl crane registry
status=0
"$root/node_modules/.bin/node" "$root/test/interop/facade.ts" || status=1
"$root/node_modules/.bin/node" "$root/test/interop/registry-import.ts" || status=1
exit "$status"
