#!/usr/bin/env bash
# Run once, by the image's own entry point on an empty data folder: a database and a role for each service. The role owns
# its database, and `migrate` closes it to all others.
set -euo pipefail

for service in gateway ingestion pipeline registry inference; do
  PASSWORD_FILE=/run/skyulf/$service psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres -v name="skyulf_$service" <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"name" LOGIN PASSWORD :'password' CONNECTION LIMIT 100;
CREATE DATABASE :"name" OWNER :"name";
SQL
done
