#!/bin/sh
# The models of the benchmark still compile, take three steps with a finite loss, and hold the
# same bits on one thread and on two; with any mechanism of the compiler left out, one of them
# still has the same loss but for rounding. Nothing is timed.
#     tests/bench/smoke.sh DLC BUILD_FOLDER [MODEL [MECHANISM]]
set -eu
dlc=$1 build=$2
here=$(dirname "$0")
runtime=$here/../../runtime

# $1: model, $2: name of the program, then options
compile() {
    model=$1 program=$build/smoke/$2
    shift 2
    "$dlc" "$here/$model.dl" --prefix=bench "$@" -o "$program.c"
    ${CC:-cc} -std=c11 -O1 -march=native -fopenmp -I"$runtime" -o "$program" \
        "$here/bench.c" "$program.c" "$build/libruntime.a" -lm
}

# One model, in a process of its own: prints a line `ok NAME` or what went wrong.
if [ $# = 3 ]; then
    compile "$3" "$3"
    one=$("$program" 1 0) && two=$("$program" 2 0) || { echo "$3 failed: $one"; exit 1; }
    if [ "${one#*hash=}" = "${two#*hash=}" ]; then echo "ok $3"
    else echo "$3: $one on one thread, $two on two"; exit 1; fi
    exit 0
fi

# One model without a mechanism, beside the same with all.
last() { sed 's/.* last=\([^ ]*\) .*/\1/'; }
if [ $# = 4 ]; then
    compile "$3" "$3-$4" "--without=$4"
    want=$("$build/smoke/$3" 1 0 | last)
    got=$("$program" 1 0 | last)
    if awk -v a="$want" -v b="$got" 'BEGIN { exit !((a - b) ^ 2 < 1e-8 * a ^ 2) }'
    then echo "ok $3 $4"
    else echo "$3 without $4: the loss is $got, not $want"; exit 1; fi
    exit 0
fi

mkdir -p "$build/smoke"
names=$(awk '!/^#/ { print $1 }' "$here/models")
mechanisms=$("$dlc" --without=list | sed 's/ .*//')
run_all() { xargs -P "$(nproc)" -I NAME "$0" "$dlc" "$build" "$@" || :; }
lines=$(echo "$names" | run_all NAME; echo "$mechanisms" | run_all rnn_seed NAME)
passed=$(echo "$lines" | grep -c '^ok ') || :
failed=$(($(echo "$names" "$mechanisms" | wc -w) - passed))
echo "$lines" | grep -v '^ok ' || :
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
