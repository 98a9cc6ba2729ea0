#!/bin/sh
# Writes the package `pdpv1` of the protobuf files: ./generate.sh PROTO FOLDER. PROTOC says by what, with its options.
set -eu
options=
for name in admin_service check decision_service value; do
  options="$options --go_opt=Mpdp/v1/$name.proto=check/pdpv1 --go-grpc_opt=Mpdp/v1/$name.proto=check/pdpv1"
done
# shellcheck disable=SC2086
exec ${PROTOC:-protoc} -I "$1" --go_out="$2" --go_opt=module=check --go-grpc_out="$2" --go-grpc_opt=module=check \
  $options "$1"/pdp/v1/*.proto
