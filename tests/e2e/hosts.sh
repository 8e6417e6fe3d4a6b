#!/bin/sh
# Hosts in C and C++ that link two generated models, as separate files and standalone.
#     tests/e2e/hosts.sh DLC BUILD_FOLDER
set -eu
dlc=$1 build=$2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warn="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
total=0 bad=0

run() {
    out=$("$@" | tail -n 1) || true
    echo "$* : $out" >&2
    total=$((total + ${out%% passed*}))
    rest=${out##*passed, }
    bad=$((bad + ${rest%% failed*}))
}

for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    for model in line tiny; do
        "$dlc" "$here/$model.dl" -o "$work/$model.c"
        $cc -std=c11 -O2 $warn -fopenmp -I"$here/../../runtime" -I"$work" -c -o "$work/$model.o" "$work/$model.c"
    done
    $cc -std=c11 -O1 -g -fopenmp -I"$here/../../runtime" -I"$work" -o "$work/host" \
        "$here/host.c" "$work/line.o" "$work/tiny.o" "$build/libruntime.a" -lm
    run "$work/host" "$work"
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fopenmp -I"$here/../../runtime" -I"$work" -o "$work/hostpp" \
        "$here/host.cpp" "$work/line.o" "$work/tiny.o" "$build/libruntime.a" -lm
    run "$work/hostpp"
done
for model in line tiny; do
    "$dlc" "$here/$model.dl" --standalone -o "$work/$model.c"
    gcc -std=c11 -O1 -g $warn -fsanitize=address,undefined -fno-sanitize-recover -I"$work" -c -o "$work/$model.o" "$work/$model.c"
done
gcc -std=c11 -O1 -g -fsanitize=address,undefined -I"$work" -o "$work/alone" "$here/host.c" "$work/line.o" "$work/tiny.o" -lm
run "$work/alone" "$work"
echo "$total passed, $bad failed"
[ "$bad" = 0 ]
