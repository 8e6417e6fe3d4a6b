#!/bin/sh
# Random programs: generated code against the interpreter in double precision (programs.c),
# then some built as users build them, and some with the generated code under the sanitizers.
#     tests/fuzz/programs.sh [BUILD [COUNT [FIRST_SEED]]]
# A program that fails is reduced and kept in tests/fuzz/kept, whose programs run first.
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build} count=${2:-500} first=${3:-1}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
sources="tests/fuzz/program.c tests/fuzz/program_expr.c tests/fuzz/program_statement.c
    tests/fuzz/program_whole.c tests/fuzz/programs.c tests/fuzz/reduce.c tests/fuzz/trial.c
    tests/fuzz/trial_gradients.c"
# Generated code finds the runtime in the program that loads it.
link() { # output, options
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -g $2 -Idsl -I"$build/dsl" -fopenmp -o "$1" \
        $sources "$build/libcompiler.a" "$build/libdsl.a" "$build/libtrainer.a" -rdynamic \
        -Wl,--whole-archive "$build/libruntime.a" -Wl,--no-whole-archive -lz -llzma -lzstd -larchive -lpng -ljpeg -lsndfile -lkissfft-float -lcjson \
        -ldl -lpthread -lm
}
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
link "$work/programs" "" && link "$work/sanitized" "$sanitizers" || exit 2
cp tests/fuzz/quick.h "$work"
quick="-O1 -march=native"
# shellcheck disable=SC2086
${CC:-cc} -std=c11 $quick -ffp-contract=off -fopenmp -fPIC -Iruntime -x c-header \
    -o "$work/quick.h.gch" "$work/quick.h"
CFLAGS=$quick "$work/programs" -n "$count" -s "$first" -q "$work/quick.h" > "$work/out"
plain=$?
CFLAGS="$quick $sanitizers" ASAN_OPTIONS=detect_leaks=0 "$work/sanitized" -n $((count / 25)) \
    -s $((first + 1000000)) -d 1000 > "$work/sanitized.out"
sanitized=$?
CFLAGS="-O3 -march=native" "$work/programs" -n $((count / 50)) -s $((first + 2000000)) -d 1000 \
    -q runtime/dl_arithmetic.h > "$work/users.out"
users=$?
cat "$work/out" "$work/users.out" "$work/sanitized.out" | grep -v ' passed, '
sed -n 's/ passed, / /p' "$work/out" "$work/users.out" "$work/sanitized.out" |
    awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed }'
[ $plain = 0 ] && [ $users = 0 ] && [ $sanitized = 0 ]
