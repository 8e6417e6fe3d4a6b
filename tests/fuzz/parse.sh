#!/bin/sh
# parse.sh - damaged programs through the parser, under the address and undefined-behaviour
# sanitizers (see fuzz_parse.c).      tests/fuzz/parse.sh [RUNS [SEED]]
# On failure the texts stay in the folder that the last line but one names.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
work=$(mktemp -d) || exit 2
mkdir -p "$work/dsl"
cd "$root" || exit 2
bison -d -o "$work/dsl/parse.tab.c" dsl/parse.y && flex -o "$work/dsl/lex.c" dsl/lex.l || exit 2
printf '#include "ast.h"\nconst struct StdFile std_files[] = {{0, 0, 0}};\nconst int std_file_count = 0;\n' \
    > "$work/dsl/std_files.c"
sources=$(ls dsl/*.c | grep -v embed.c)
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -Idsl -I"$work/dsl" -o "$work/fuzz_parse" \
    tests/fuzz/fuzz_parse.c $sources "$work"/dsl/*.c || exit 2
cd "$work" && ASAN_OPTIONS=detect_leaks=0:log_path=sanitizer UBSAN_OPTIONS=log_path=sanitizer timeout 600 ./fuzz_parse "${2:-1}" "${1:-2000}" \
    "$root"/dsl/std/*.dl "$root"/examples/*/*.dl "$root"/tests/programs/*.dl \
    $(find "$root/tests/errors" -name '*.dl' -size -8k) > out 2>&1
status=$?
if [ $status = 0 ]; then cat out; cd / && rm -rf "$work"; exit 0; fi
echo "texts and sanitizer output in $work"
cat sanitizer* 2>/dev/null | head -n 40
grep passed out || { tail -n 40 out; echo "0 passed, 1 failed"; }
exit 1
