#!/bin/sh
# Makes the keys and certificates of the interop tests: an authority, a server under each kind of key, a client,
# and an authority that nobody trusts. They protect nothing; they are in the tree so that runs are alike.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() { # name, arguments of genpkey
  name=$1
  shift
  openssl genpkey "$@" -out "$name.key.pem" 2>/dev/null
  openssl pkey -in "$name.key.pem" -pubout -out "$name.public.pem"
}

certificate() { # name, issuer, usage
  : > "$work/index.txt"
  openssl rand -hex 16 > "$work/serial"
  cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = it
[it]
database = $work/index.txt
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
$3
CNF
  openssl req -new -key "$1.key.pem" -subj "/CN=$1" -out "$work/request.pem"
  self=
  if [ "$1" = "$2" ]; then self=-selfsign; else self="-cert $2.pem"; fi
  openssl ca -batch -notext -config "$work/ca.cnf" $self -keyfile "$2.key.pem" -in "$work/request.pem" \
    -startdate 20260101000000Z -enddate 20491231235959Z -out "$1.pem" 2>/dev/null
}

authority='basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash'
server='basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost'
client='basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:client.localhost'

for name in authority stranger; do
  key $name -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  certificate $name $name "$authority"
done
key server -algorithm EC -pkeyopt ec_paramgen_curve:P-256
key server-p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
key server-ed25519 -algorithm ED25519
key server-rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
for name in server server-p384 server-ed25519 server-rsa; do certificate $name authority "$server"; done
key client -algorithm EC -pkeyopt ec_paramgen_curve:P-256
certificate client authority "$client"
