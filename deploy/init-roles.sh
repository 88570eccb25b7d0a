#!/bin/sh
# Runs once, in the fresh PostgreSQL container and as its own user: the group roles that the migrations grant to, and one
# login for each service.
set -eu

# A password that cannot be read, or holds what would have to be quoted, ends the script before anything is created.
password() {
  text=$(cat "${STEMMA_SECRETS:-/run/secrets}/$1") || exit 1
  case $text in
    '' | *[!A-Za-z0-9_-]*) echo "$1 must hold letters, digits, - and _ only" >&2 && exit 1 ;;
  esac
  printf '%s' "$text"
}
repository=$(password repository_password)
signer=$(password signer_password)

# On the standard input, not in the arguments, which others could read.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
CREATE ROLE stemma_repository NOLOGIN;
CREATE ROLE stemma_signer NOLOGIN;
CREATE ROLE stemma_repository_login LOGIN IN ROLE stemma_repository PASSWORD '$repository';
CREATE ROLE stemma_signer_login LOGIN IN ROLE stemma_signer PASSWORD '$signer';
SQL
