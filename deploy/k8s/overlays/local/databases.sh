#!/usr/bin/env bash
# Run once by the image of PostgreSQL: a database and a role for each service.
set -euo pipefail
for service in gateway ingestion pipeline registry inference; do
  psql --quiet --set=ON_ERROR_STOP=1 --username postgres \
    --set=role="skyulf_$service" --set=password="$(cat "/run/passwords/$service")" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
SQL
done
