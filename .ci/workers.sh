# Sourced by the shows about several workers, after figures.sh: builds the tool, gets an engine from the system's
# packages and ends what it started, compares merged histograms with the union of their parts.

# build_tool: `bench-cli`, as measured, by its name.
build_tool() {
    cargo build --release -p bench-cli
    PATH="$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd):$PATH"
    export PATH
}

# Ends every process that a show has left behind: whatever names its scratch folder in its environment, program or arguments.
# An engine starts processes that are not the shell's children.
end_all() {
    local signal process
    for signal in TERM KILL; do
        for _ in $(seq 30); do
            local left=()
            for process in /proc/[0-9]*; do
                [ "${process#/proc/}" -ne $$ ] && [ "${process#/proc/}" -ne "$BASHPID" ] || continue
                if grep -qsF "$scratch/" "$process/environ" "$process/cmdline" ||
                    [[ "$(readlink "$process/exe")" == "$scratch/"* ]]; then
                    left+=("${process#/proc/}")
                fi
            done
            [ "${#left[@]}" -gt 0 ] || return 0
            kill -"$signal" "${left[@]}" 2>/dev/null || true
            sleep 0.2
        done
    done
    echo "still there: ${left[*]}" >&2
}

# unpack PROGRAM PACKAGE…: the packages' files below $scratch/unpacked, unless the system has the program; nothing is installed.
unpack() {
    local program=$1
    shift
    command -v "$program" >/dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "skipped: there is no $program here, and packages can be had only by root and apt-get"
        exit 77
    fi
    mkdir -p "$scratch/packages/partial" "$scratch/unpacked" "$scratch/bin"
    if ! apt-get update -qq >"$scratch/apt.txt" 2>&1 ||
        ! apt-get install -y -qq --no-install-recommends --download-only -o Dir::Cache::archives="$scratch/packages" \
            "$@" >>"$scratch/apt.txt" 2>&1; then
        echo "skipped: no packages $*: $(tail -n 1 "$scratch/apt.txt")"
        exit 77
    fi
    local file name
    for file in "$scratch"/packages/*.deb; do
        dpkg-deb -x "$file" "$scratch/unpacked"
    done
    # An installed package has its programs under their plain names.
    for file in "$scratch"/unpacked/usr/{bin,sbin}/*; do
        name=${file##*/}
        name=${name%-wlm}
        ln -sf "$file" "$scratch/bin/${name%.openmpi}"
    done
    export PATH="$scratch/bin:$PATH"
    LD_LIBRARY_PATH=$(find "$scratch/unpacked" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
    export LD_LIBRARY_PATH
    command -v "$program" >/dev/null || fail "the packages $* have no $program"
}

# counts FILE…: every kind, value and count of these files together; the last three columns of each line.
counts() {
    awk -F, 'FNR > 1 { sum[$(NF - 2) "," $(NF - 1)] += $NF } END { for (key in sum) print key "," sum[key] }' "$@" | sort
}

# merges_to_union DIR [RUN]: what `merge` makes of the four parts in DIR, and worker 0's own whole, have the counts of all
# parts together. Prints how many.
merges_to_union() {
    local index parts=("$1"/worker-*.json) all
    [ "${#parts[@]}" -eq 4 ] || fail "$1 has not four parts: ${parts[*]}"
    bench-cli merge "${parts[@]}" --quiet --counts "$scratch/merged.csv" --json "$scratch/merged.json" >"$scratch/merged.txt"
    for index in 0 1 2 3; do
        bench-cli report "$1/worker-$index.json" --counts "$scratch/part-$index.csv" >"$scratch/part.txt"
        [ "$(wc -l <"$scratch/part-$index.csv")" -gt 1 ] || fail "worker $index has no counts"
    done
    counts "$scratch"/part-?.csv >"$scratch/union.txt"
    counts "$scratch/merged.csv" | diff "$scratch/union.txt" - || fail "merge differs from the union"
    if [ -n "${2:-}" ]; then
        bench-cli report "$2" --counts "$scratch/whole.csv" >"$scratch/whole.txt"
        counts "$scratch/whole.csv" | diff "$scratch/union.txt" - || fail "worker 0's whole differs from the union"
    fi
    all=$(awk -F, '$1 ~ /response/ { sum += $3 } END { print sum }' "$scratch/union.txt")
    holds "${all:-0} > 10000" || fail "only ${all:-no} response times"
    echo "$(wc -l <"$scratch/union.txt") buckets, $all response times, equal to the union of four parts"
}

# took_settings RUN RATE PAYLOAD DURATION: the run's one cell has these, as its job file was told, and no error.
took_settings() {
    local row
    row=$(cells "$1" listenrain)
    [ "$(grep -c . <<<"$row")" -eq 1 ] || fail "not one cell in $1"
    holds "$(field "$row" rate) == $2" || fail "the rate is $(field "$row" rate), and not BENCH_RATE"
    [ "$(field "$row" payload_bytes)" = "$3" ] || fail "the payload is $(field "$row" payload_bytes), and not BENCH_PAYLOAD"
    holds "$(field "$row" asked_s) == $4" || fail "the duration is $(field "$row" asked_s), and not BENCH_DURATION"
    [ "$(field "$row" errors)" = 0 ] || fail "$(field "$row" errors) errors"
}
