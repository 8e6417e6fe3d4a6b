#!/bin/sh
# The same bits: parameters after 50 steps, over threads, compilers and levels.
#     tests/e2e/bits.sh DLC BUILD_FOLDER MODEL.dl...
set -eu
dlc=$1 build=$2
shift 2
here=$(dirname "$0")
runtime=$here/../../runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# $1: expected hash line (empty: take it), rest: the command
compare() {
    out=$("$@") || out="failed"
    if [ -z "$want" ]; then want=$out; fi
    if [ "$out" = "$want" ] && [ "$out" != failed ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$name: $*: $out, not $want" >&2; fi
}

for model in "$@"; do
    name=$(basename "$model" .dl)
    want=
    "$dlc" "$model" --standalone -o "$work/$name.c"
    for cc in gcc clang; do
        command -v $cc >/dev/null || continue
        for level in -O1 -O2 -O3; do
            $cc -std=c11 $level -march=native -fopenmp -DTABLE="${name}_model" -I"$runtime" -I"$work" \
                -o "$work/steps" "$here/steps.c" "$work/$name.c" -lm
            for threads in 1 2 3 4 8; do
                [ $level = -O2 ] || [ $threads = 1 ] || [ $threads = 3 ] || continue
                compare "$work/steps" $threads "${STEPS:-50}"
            done
        done
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
