# Sourced by the scripts beside it: a copy of the tree to mutate, with a target folder of its own, so that neither the
# checkout nor what was built of it is touched. Needs bash, coreutils, util-linux, tar, git and cargo.

set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# Compiling is most of the time, and none of these tests measures speed.
export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never RUST_BACKTRACE=0
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}/mutations"

mkdir -p "$CARGO_TARGET_DIR"
exec 9>"$CARGO_TARGET_DIR/lock"
flock --nonblock 9 || { echo "another of these scripts is at work in $CARGO_TARGET_DIR" >&2 && exit 1; }
# Always the same place, or cargo would keep what it has built of each.
copy="$CARGO_TARGET_DIR/tree"
out=$(mktemp)
trap 'rm -rf "$copy" "$out"' EXIT
rm -rf "$copy"
mkdir "$copy"
cd "$root"
# As the files are now, and as new to cargo, which may have built another state of them.
git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T - | tar -xm -C "$copy"
cd "$copy"
# Lest git looks for its files below the repository around it.
export GIT_CEILING_DIRECTORIES="$CARGO_TARGET_DIR"
