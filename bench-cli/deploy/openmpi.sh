#!/bin/bash
# Four workers for a server that runs already: ./openmpi.sh HOSTFILE SERVER:PORT
# Worker 0 is on the first host of HOSTFILE.
set -euo pipefail

first=$(awk 'NF && $1 !~ /^#/ { print $1; exit }' "$1")
mpirun --hostfile "$1" --map-by node -n 4 \
  bench-cli run --target "tcp://$2" --rendezvous "$first:7900" --rate 40000 --connections 4 --payload 4KiB --duration 30s --parts parts
