#!/usr/bin/env bash
# Run once by the image of PostgreSQL: a database and a role for each service. psql reads the password itself: arguments of
# a process are shown to everybody on the node.
set -euo pipefail
for service in gateway ingestion pipeline registry inference; do
  PASSWORD_FILE=/run/passwords/$service psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username postgres \
    --set=role="skyulf_$service" <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
SQL
done
