#!/bin/sh
# Makes what deploy/compose.yml and compose.summaries.yml read from deploy/secrets: random passwords, the online key and the
# verifier's key, each with its passphrase.
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
for service in repository signer; do
  new "${service}_password" "$(random)"
  new "${service}_pgpass" "*:*:*:stemma_${service}_login:$(cat "$folder/${service}_password")"
done
for key in online_key verifier_key; do
  new "${key}_passphrase" "$(random)"
  [ -e "$folder/$key" ] ||
    (cd "$here/.." && npm run --silent stemma -- key new "$folder/$key" --passphrase-file "$folder/${key}_passphrase")
done
# Stemma's containers run as the user 10001, PostgreSQL's as 999; each reads its own files, and nobody else's.
own() {
  user=$1
  shift
  chown "$user:$user" "$@" 2>/dev/null || echo "Give files to the user $user: sudo chown $user:$user $*"
}
cd "$folder"
own 10001 owner_pgpass repository_pgpass signer_pgpass online_key online_key_passphrase verifier_key verifier_key_passphrase
own 999 owner_password repository_password signer_password
