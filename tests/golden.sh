#!/bin/sh
# golden.sh - what the compiler writes, pinned in full.
#
#     tests/golden.sh [-b] [DLC]
#
# For each tests/golden/NAME.dl: NAME.c and NAME.h must be what `dlc NAME.dl` emits, NAME.lower
# what --dump=lower prints and NAME.tree what --dump=parse prints, where these files exist; and a second run must emit the same bytes.
# -b blesses: it writes the existing ones anew; read the difference before committing it.
set -u
bless=no
if [ "${1-}" = -b ]; then bless=yes; shift; fi
here=$(cd "$(dirname "$0")" && pwd) || exit 2
dlc=${1:-$here/../build/dlc}
case $dlc in /*) ;; *) dlc=$(pwd)/$dlc ;; esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

compare() { # wanted, got
    if [ $bless = yes ]; then cp "$2" "$1"; fi
    if cmp -s "$1" "$2"; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "FAIL $(basename "$1")"
    diff -u "$1" "$2" | head -n 60
}

cd "$here/golden" || exit 2
for file in *.dl; do
    name=${file%.dl}
    for run in 1 2; do
        mkdir -p "$work/$run"
        "$dlc" "$file" -o "$work/$run/$name.c" || failed=$((failed + 1))
    done
    compare "$work/1/$name.c" "$work/2/$name.c"
    "$dlc" "$file" --dump=lower --stop-after=lower -o "$work/x.c" > "$work/$name.lower"
    "$dlc" "$file" --dump=parse --stop-after=parse -o "$work/x.c" > "$work/$name.tree"
    [ ! -e "$name.c" ] || compare "$name.c" "$work/1/$name.c"
    [ ! -e "$name.h" ] || compare "$name.h" "$work/1/$name.h"
    [ ! -e "$name.lower" ] || compare "$name.lower" "$work/$name.lower"
    [ ! -e "$name.tree" ] || compare "$name.tree" "$work/$name.tree"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
