#!/bin/sh
# A row of a prediction has the same bits whatever number of rows is asked for: rows.c.
#     tests/e2e/rows.sh DLC MODEL.dl...
set -eu
dlc=$1
shift
here=$(dirname "$0")
runtime=$here/../../runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

for model in "$@"; do
    name=$(sed -n 's/^model \([a-z_0-9A-Z]*\).*/\1/p' "$model" | tail -n 1)
    "$dlc" "$model" --standalone -o "$work/$name.c" 2>/dev/null
    ${CC:-cc} -std=c11 -O2 -march=native -fopenmp -DTABLE="${name}_model" -I"$runtime" -I"$work" \
        -o "$work/rows" "$here/rows.c" "$work/$name.c" -lm
    for threads in 1 3; do
        if "$work/rows" $threads; then passed=$((passed + 1))
        else failed=$((failed + 1)); fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
