#!/bin/sh
# The models of the benchmark still compile, take three steps with a finite loss, and hold the
# same bits on one thread and on two. Nothing is timed.
#     tests/bench/smoke.sh DLC BUILD_FOLDER [MODEL]
set -eu
dlc=$1 build=$2
here=$(dirname "$0")
runtime=$here/../../runtime

# One model, in a process of its own: prints a line `ok NAME` or what went wrong.
if [ $# = 3 ]; then
    name=$3 work=$build/smoke
    "$dlc" "$here/$name.dl" --prefix=bench -o "$work/$name.c"
    ${CC:-cc} -std=c11 -O1 -march=native -fopenmp -I"$runtime" -o "$work/$name" \
        "$here/bench.c" "$work/$name.c" "$build/libruntime.a" -lm
    one=$("$work/$name" 1 0) && two=$("$work/$name" 2 0) || { echo "$name failed: $one"; exit 1; }
    if [ "${one#*hash=}" = "${two#*hash=}" ]; then echo "ok $name"
    else echo "$name: $one on one thread, $two on two"; exit 1; fi
    exit 0
fi

mkdir -p "$build/smoke"
names=$(awk '!/^#/ { print $1 }' "$here/models")
lines=$(echo "$names" | xargs -P "$(nproc)" -I NAME "$0" "$dlc" "$build" NAME) || :
passed=$(echo "$lines" | grep -c '^ok ') || :
failed=$(($(echo "$names" | wc -l) - passed))
echo "$lines" | grep -v '^ok ' || :
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
