#!/bin/bash
# Four workers for a server that runs already: ./openmpi.sh HOSTFILE SERVER:PORT
# Worker 0 is on the first host of HOSTFILE. The parts are kept in ./parts on that host.
# From the environment: BENCH_RATE (40000), BENCH_PAYLOAD (4KiB), BENCH_DURATION (30s), such as
#   BENCH_RATE=100k BENCH_DURATION=2m ./openmpi.sh HOSTFILE SERVER:PORT
set -euo pipefail

first=$(awk 'NF && $1 !~ /^#/ { print $1; exit }' "$1")
mpirun --hostfile "$1" --map-by node -n 4 \
  bench-cli run --target "tcp://$2" --rendezvous "$first:7900" --connections 4 --rate "${BENCH_RATE:-40000}" --payload "${BENCH_PAYLOAD:-4KiB}" --duration "${BENCH_DURATION:-30s}" --parts parts
