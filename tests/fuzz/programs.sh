#!/bin/sh
# Random programs: gradients against differences in double (`dlc check --gradients`), then
# generated code against the double interpreter.
#     tests/fuzz/programs.sh DLC COMPARE RANDOM_PROGRAM COUNT [FIRST_SEED]
# A program that fails is made smaller, statement by statement, and left in tests/fuzz/kept,
# whose programs run first, every time.
set -u
dlc=$1 compare=$2 random_program=$3 count=$4 first=${5:-1}
kept=$(dirname "$0")/kept
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CFLAGS="${CFLAGS:--O1 -march=native}"
passed=0 failed=0

compiles() { "$dlc" check "$1" >/dev/null 2>&1; }

right() { "$dlc" check --gradients "$1" && "$compare" "$1"; }

# Takes out every line that the failure does not need, from the end.
reduce() {
    cp "$1" "$work/small.dl"
    line=$(wc -l < "$work/small.dl")
    while [ "$line" -gt 1 ]; do
        sed "${line}d" "$work/small.dl" > "$work/try.dl"
        if compiles "$work/try.dl" && ! right "$work/try.dl" >/dev/null 2>&1; then
            cp "$work/try.dl" "$work/small.dl"
        fi
        line=$((line - 1))
    done
}

run() { # file, name
    if right "$1" > "$work/out" 2>&1; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "FAIL $2"
    tail -n 4 "$work/out" | sed 's/^/    /'
}

for f in "$kept"/*.dl; do
    if [ -f "$f" ]; then run "$f" "$f"; fi
done
seed=$first
while [ "$seed" -lt $((first + count)) ]; do
    "$random_program" "$seed" > "$work/seed.dl"
    # A gradient that is zero everywhere is refused, and such a program says nothing.
    if compiles "$work/seed.dl" || ! "$dlc" check "$work/seed.dl" 2>&1 | grep -q 'does not depend'; then
        before=$failed
        run "$work/seed.dl" "seed $seed"
        if [ "$failed" -gt "$before" ] && [ "$failed" -le 5 ]; then
            reduce "$work/seed.dl"
            cp "$work/small.dl" "$kept/seed_$seed.dl"
            echo "    kept as $kept/seed_$seed.dl"
        fi
    fi
    seed=$((seed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
