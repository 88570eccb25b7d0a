#!/bin/sh
# Runs once, in the fresh PostgreSQL container: the group roles that the migrations grant to, and one login for each
# service. The passwords are the last fields of the services' own password files.
set -eu
password() { cut -d: -f5 "$1"; }
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set repository="$(password "${STEMMA_SECRETS:-/run/secrets}/repository_pgpass")" \
  --set signer="$(password "${STEMMA_SECRETS:-/run/secrets}/signer_pgpass")" <<'SQL'
CREATE ROLE stemma_repository NOLOGIN;
CREATE ROLE stemma_signer NOLOGIN;
CREATE ROLE stemma_repository_login LOGIN IN ROLE stemma_repository PASSWORD :'repository';
CREATE ROLE stemma_signer_login LOGIN IN ROLE stemma_signer PASSWORD :'signer';
SQL
