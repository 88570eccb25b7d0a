#!/usr/bin/env bash
# Artifacts move between real registries, by stemma and by the stock tools: Debian's docker-registry 2.8.2, CNCF
# distribution v3, and the registry of go-containerregistry, the only one of them that lists referrers; crane, oras,
# regctl, cosign and skopeo.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
if ! command -v go >/dev/null; then
  echo "SKIPPED: the registries and their tools need Go 1.26 or newer"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin="$work/bin"
mkdir "$bin"

. "$root/test/interop/tools.sh"
need_tools registry crane oras regctl cosign
for name in registry crane oras regctl cosign; do
  ln -s "$(command -v "$name")" "$bin/$name"
done
(cd "$root/test/interop/registries" && go build -p 2 -o "$bin/referrers-registry" .)

# Debian's, unpacked beside the system with the libraries that skopeo needs; nothing is installed.
if command -v apt-get >/dev/null; then
  mkdir "$work/debian"
  (
    cd "$work/debian"
    chmod 755 "$work" .
    apt-get download -qq docker-registry skopeo libgpgme11 libassuan0 libdevmapper1.02.1 >"$work/apt" 2>&1 ||
      { apt-get update -qq && apt-get download -qq docker-registry skopeo libgpgme11 libassuan0 libdevmapper1.02.1; } >"$work/apt" 2>&1 ||
      true
    for package in *.deb; do
      [ ! -e "$package" ] || dpkg -x "$package" .
    done
  )
fi
for name in docker-registry skopeo; do
  program="$work/debian/usr/bin/$name"
  [ -x "$program" ] || program=$(command -v "$name" || true)
  if [ -z "$program" ]; then
    echo "SKIPPED: $name is not to be had here"
    continue
  fi
  libraries=$(find "$work/debian" -type d -name '*-linux-gnu*' -path '*/lib/*' 2>/dev/null | tr '\n' ':')
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s$LD_LIBRARY_PATH" exec "%s" "$@"\n' "$libraries" "$program" >"$bin/$name"
  chmod +x "$bin/$name"
done
(cd "$root" && npm run --silent build)
"$root/node_modules/.bin/node" "$root/test/interop/registries.ts" "$bin" "$work"
