#!/bin/bash
# No engine: ssh and a loop. ./shell.sh SERVER WORKER…   Worker 0 is on the first WORKER.
# From the environment: BENCH_RATE (40000), BENCH_PAYLOAD (4KiB), BENCH_DURATION (30s), such as
#   BENCH_RATE=100k BENCH_DURATION=2m ./shell.sh SERVER WORKER…
set -euo pipefail

server=$1
shift
count=$#
first=$1

ssh "$server" bench-cli serve --listen "tcp://$server:8899" --rendezvous "$first:7900" &
index=0
for host in "$@"; do
  ssh "$host" bench-cli run --index "$index" --count "$count" --target "tcp://$server:8899" --rendezvous "$first:7900" --servers 1 --connections 16 --rate "${BENCH_RATE:-40000}" --payload "${BENCH_PAYLOAD:-4KiB}" --duration "${BENCH_DURATION:-30s}" &
  index=$((index + 1))
done
wait
