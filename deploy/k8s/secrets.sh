#!/usr/bin/env bash
# secrets.sh FOLDER: makes what the Secrets are generated from: keys, passwords and database URLs.
# What exists is kept, so it may be repeated. Change afterwards what your servers give you (S3 keys, say).
#
#   DATABASE_HOST     host:port of PostgreSQL                     (postgres:5432)
#   DATABASE_OPTIONS  end of the database URLs                    (none; ?ssl=verify-full in production)
set -euo pipefail
umask 077

folder=${1:?usage: secrets.sh FOLDER}
host=${DATABASE_HOST:-postgres:5432}
options=${DATABASE_OPTIONS:-}

keep() {  # keep FILE COMMAND...: the command's output, unless the file is there; whole or not at all
  local file=$1
  shift
  [ -e "$file" ] && return
  "$@" | tr -d '\n' >"$file.new"
  mv "$file.new" "$file"
}
letters() { openssl rand -hex "$1"; }
admin_key() { printf 'sk_%s_%s' "$(letters 6)" "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')"; }
url() { printf 'postgresql+asyncpg://skyulf_%s:%s@%s/skyulf_%s%s' "$1" "$(cat "$folder/$1/database-password")" "$host" "$1" "$options"; }

mkdir -p "$folder/public" "$folder/servers"
keep "$folder/servers/postgres-password" letters 24
keep "$folder/servers/s3-access-key" letters 10
keep "$folder/servers/s3-secret-key" letters 24

for service in gateway ingestion pipeline registry inference; do
  mkdir -p "$folder/$service"
  keep "$folder/$service/database-password" letters 24
  keep "$folder/$service/database-url" url "$service"
  keep "$folder/$service/kafka-username" printf 'skyulf-%s' "$service"
  keep "$folder/$service/kafka-password" letters 24
  if [ ! -e "$folder/$service/$service.key" ]; then
    openssl genpkey -algorithm ed25519 -out "$folder/$service/$service.key.new"
    mv "$folder/$service/$service.key.new" "$folder/$service/$service.key"
  fi
  openssl pkey -in "$folder/$service/$service.key" -pubout -out "$folder/$service/$service.pub"
  # with what `skyulf rotate-keys` keeps beside it: the next public key and older ones
  rm -f "$folder/public/$service".*.pub
  cp "$folder/$service/"*.pub "$folder/public"
done
{
  printf '%s\n' '# Made by secrets.sh: all public keys that are trusted.' 'apiVersion: kustomize.config.k8s.io/v1beta1' \
    'kind: Kustomization' 'secretGenerator:' '  - name: skyulf-public-keys' '    namespace: skyulf' '    files:'
  (cd "$folder/public" && printf '      - %s\n' *.pub)
} >"$folder/public/kustomization.yaml"
for service in ingestion pipeline inference; do
  keep "$folder/$service/s3-access-key" cat "$folder/servers/s3-access-key"
  keep "$folder/$service/s3-secret-key" cat "$folder/servers/s3-secret-key"
done
keep "$folder/gateway/admin-key" admin_key
