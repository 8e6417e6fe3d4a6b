#!/bin/sh
# sanitize.sh - everything once more under the address and undefined-behaviour sanitizers:
# unit tests, the compiler on all examples and programs, generated code as it trains; and
# the compiler and generated code under valgrind.
#     tests/sanitize.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/.." || exit 2
b=$1/sanitized
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
flags="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
# An arena is given back when the process ends: leaks are looked for by the unit tests' own.
export ASAN_OPTIONS=detect_leaks=0

check() { # name, command...
    label=$1
    shift
    if "$@" >"$work/log" 2>&1; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "FAIL $label"
    tail -n 30 "$work/log"
}

long='test_codegen|test_programs|test_runtime|test_grad_random|test_trainer_show'
check build make -j2 B="$b" CFLAGS="$flags" LDFLAGS="-fsanitize=address,undefined" all units
for test in "$b"/unit/test_*; do
    case $test in *.d) continue ;; esac
    echo "$test" | grep -qE "$long" || check "$test" "$test"
done
for model in examples/*/*.dl tests/programs/*.dl tests/e2e/*.dl; do
    check "$model" "$b/dlc" "$model" -o "$work/x.c"
done

for model in tests/e2e/tiny.dl examples/toy_rnn/toy_rnn.dl; do
    name=$(basename "$model" .dl)
    check "$name generated" "$b/dlc" "$model" --standalone -o "$work/$name.c"
    build="-std=c11 -DTABLE=${name}_model -Iruntime -I$work tests/e2e/steps.c $work/$name.c -lm"
    # shellcheck disable=SC2086
    check "$name built" gcc $flags -march=native -o "$work/$name" $build
    check "$name trains" "$work/$name" 1 6
    # shellcheck disable=SC2086
    check "$name built for valgrind" gcc -O1 -g -mno-avx512f -o "$work/$name" $build
    check "$name under valgrind" valgrind -q --error-exitcode=9 "$work/$name" 1 3
    check "dlc $name under valgrind" valgrind -q --error-exitcode=9 "$1/dlc" "$model" -o "$work/y.c"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
