#!/bin/sh
# Makes what deploy/compose.yml reads from deploy/secrets: random passwords, and the online key with its passphrase.
# Nothing that exists is overwritten. Run in a checkout: sh deploy/make-secrets.sh [FOLDER]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
folder=${1:-$here/secrets}
umask 077
mkdir -p "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
new() { [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"; }
new owner_password "$(random)"
new owner_pgpass "*:*:*:stemma:$(cat "$folder/owner_password")"
new repository_pgpass "*:*:*:stemma_repository_login:$(random)"
new signer_pgpass "*:*:*:stemma_signer_login:$(random)"
new online_key_passphrase "$(random)"
if [ ! -e "$folder/online_key" ]; then
  (cd "$here/.." && npm run --silent stemma -- key new "$folder/online_key" --passphrase-file "$folder/online_key_passphrase")
fi
# The containers run as this user; without the right to give files away, they must be readable some other way.
chown -R 10001:10001 "$folder" 2>/dev/null || echo "Give the files in $folder to the user 10001: sudo chown -R 10001:10001 $folder"
