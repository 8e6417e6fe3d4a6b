#!/bin/sh
# load.sh - damaged weight files through the loader, under the address and undefined-behaviour
# sanitizers (see fuzz_load.c).      tests/fuzz/load.sh [RUNS [SEED]]
# On failure the last file stays in the folder that the last line but one names.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
work=$(mktemp -d) || exit 2
cd "$work" || exit 2
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -o fuzz_load "$root"/tests/fuzz/fuzz_load.c \
    "$root"/runtime/dl.c "$root"/runtime/dl_save.c "$root"/runtime/dl_load.c || exit 2
timeout 600 ./fuzz_load "${2:-1}" "${1:-20000}" > out 2> sanitizer
status=$?
if [ $status = 0 ]; then cat out; cd / && rm -rf "$work"; exit 0; fi
echo "file and sanitizer output in $work"
head -n 40 sanitizer
grep passed out || { tail -n 40 out; echo "0 passed, 1 failed"; }
exit 1
