#!/usr/bin/env bash
# certificates.sh FOLDER [ENDPOINT...]: makes an authority, and a certificate for each service that it signs, as files; for
# dedicated endpoints too, by the names of their Services. What exists is kept, so it may be repeated. To renew certificates
# remove FOLDER/<service>, and apply again; keep ca.key away from the cluster, where nothing needs it.
#
#   DAYS       how long certificates of services are good   (90)
#   NAMESPACE  where the services are                       (skyulf)
set -euo pipefail
umask 077

folder=${1:?usage: certificates.sh FOLDER [ENDPOINT...]}
days=${DAYS:-90}
namespace=${NAMESPACE:-skyulf}

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

mkdir -p "$folder"
if [ ! -e "$folder/ca.crt" ]; then
  key "$folder/ca.key"
  openssl req -x509 -new -key "$folder/ca.key" -days 3650 -subj /CN=skyulf-ca -out "$folder/ca.crt.new" \
    -addext keyUsage=critical,keyCertSign,cRLSign
  mv "$folder/ca.crt.new" "$folder/ca.crt"
fi
certificate() {  # certificate FOLDER SERVICE: for the names of a Kubernetes Service, as callers write them
  local own=$folder/$1 name=$2 names
  [ -e "$own/tls.crt" ] && return
  mkdir -p "$own"
  key "$own/tls.key"
  # skyulf-api is for Prometheus, which asks pods by their addresses
  names=DNS:$name,DNS:$name.$namespace,DNS:$name.$namespace.svc,DNS:skyulf-api
  openssl req -new -key "$own/tls.key" -subj "/CN=$name" -out "$own/request"
  openssl x509 -req -in "$own/request" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days "$days" \
    -out "$own/tls.crt.new" -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names") 2>/dev/null
  mv "$own/tls.crt.new" "$own/tls.crt"
  rm "$own/request"
}
for service in gateway ingestion pipeline registry inference; do certificate "$service" "$service-api"; done
for endpoint in "${@:2}"; do certificate "$endpoint" "$endpoint"; done
