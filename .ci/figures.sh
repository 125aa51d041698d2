# Sourced by the scripts in shows/: reads figures out of a run file, compares them, and finds the README's commands.
# Needs bash, coreutils, grep, sed and awk.

set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
at_exit="rm -rf '$scratch'"
trap 'eval "$at_exit"' EXIT

fail() {
    echo "DOES NOT HOLD: $*" >&2
    exit 1
}

# cells FILE STACK: each cell of that stack on a line of its own.
cells() {
    tr -d '\n' <"$1" | sed -e 's/": */":/g' -e 's/, *"/,"/g' -e 's/{ *"transport"/\n{"transport"/g' |
        grep '^{"transport"' | grep "\"stack\":\"$2\"" || true
}

# cell FILE STACK PARALLEL: the one cell of that stack and parallel.
cell() {
    local found
    found=$(cells "$1" "$2" | grep "\"parallel\":$3,") || fail "no cell of $2 with parallel $3 in the run"
    [ "$(wc -l <<<"$found")" -eq 1 ] || fail "more than one cell of $2 with parallel $3 in the run"
    echo "$found"
}

# field CELL NAME: the first number of that name, which is the cell's own and not a launch's; empty when it is null.
field() {
    grep -oE "\"$2\":(null|-?[0-9][-+.0-9eE]*)" <<<"$1" | sed -nE '1s/^[^:]*:(-?[0-9].*)$/\1/p' || true
}

# holds EXPRESSION: of awk.
holds() {
    awk "BEGIN { exit !($1) }"
}

# readme_command PATTERN: the one line of the README's commands that matches as a whole.
readme_command() {
    local found
    found=$(grep -xE "$1" README.md | sort -u) || fail "README.md has no command like \"$1\""
    [ "$(wc -l <<<"$found")" -eq 1 ] || fail "README.md has several commands like \"$1\""
    echo "$found"
}

# passed FILE: how many tests passed in this output of `cargo test`, all suites together.
passed() {
    awk '/^test result:/ { for (i = 2; i <= NF; i++) if ($i ~ /^passed/) sum += $(i - 1) } END { print sum + 0 }' "$1"
}

# comparison_row FILE METRIC: the one row of a comparison by that metric, on a line.
comparison_row() {
    local found
    found=$(tr -d '\n' <"$1" | sed -e 's/": */":/g' -e 's/, *"/,"/g' -e 's/{ *"parallel"/\n{"parallel"/g' -e 's/} *,/},\n/g' |
        grep '^{"parallel"' | grep "\"metric\":\"$2\"") || fail "no row of $2 in the comparison"
    [ "$(wc -l <<<"$found")" -eq 1 ] || fail "more than one row of $2 in the comparison"
    echo "$found"
}
