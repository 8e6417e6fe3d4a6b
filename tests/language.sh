#!/bin/sh
# language.sh - runs the programs of LANGUAGE.md and README.md (see the comment that
# LANGUAGE.md begins with) and those of tests/programs and examples through `dlc check`, and what
# compiles through `dlc fmt`: the formatted program has the same graph, and stays as it is. The
# library and the examples are in their form.
# Usage: tests/language.sh [DLC]      prints the failures, and "N passed, N failed"
dlc=${1:-build/dlc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# Writes each block as $work/LINE.KIND.dl; LINE is where it begins.
extract() {
    awk -v work="$work" -v from="$(basename "$1" .md)" '
        /^```dl/ { kind = $2 == "" ? "program" : $2
                   out = work "/" from "." FNR "." kind ".dl"
                   printf "" > out
                   if (kind == "part") print "model part {" >> out
                   next }
        /^```/ && out != "" { if (kind == "part") print "}" >> out; close(out); out = ""; next }
        out != "" { print >> out }' "$1"
}

fail() { # name, what happened, the messages
    echo "FAIL $1: $2"
    sed 's/^/    /' "$3"
    failed=$((failed + 1))
}

# A copy is formatted in place.
must_compile() { # file, name
    if ! "$dlc" check "$1" --dump=lower > "$work/graph" 2> "$work/out"; then
        fail "$2" "refused" "$work/out"
    elif ! "$dlc" fmt "$1" > "$work/out" 2>&1 || ! "$dlc" fmt --check "$1" >> "$work/out" 2>&1; then
        fail "$2" "formatted twice it is another text" "$work/out"
    elif ! "$dlc" check "$1" --dump=lower 2> /dev/null | diff "$work/graph" - > "$work/out"; then
        fail "$2" "formatted it is another program" "$work/out"
    else passed=$((passed + 1)); fi
}

must_refuse() {
    want=$(sed -n '1s,^// error: ,,p' "$1")
    "$dlc" check "$1" > "$work/out" 2>&1
    status=$?
    if [ $status -ne 1 ]; then fail "$2" "exit code $status, not 1" "$work/out"
    elif ! grep ': error: ' "$work/out" | head -n 1 | grep -qF -- "$want"; then
        fail "$2" "the first message lacks \"$want\"" "$work/out"
    else passed=$((passed + 1)); fi
}

for text in dsl/LANGUAGE.md README.md; do
    if [ -f "$text" ]; then extract "$text"; fi
done
for f in "$work"/*.dl; do
    case $f in
        *.error.dl) must_refuse "$f" "$(basename "$f")" ;;
        *) must_compile "$f" "$(basename "$f")" ;;
    esac
done
mkdir "$work/tests" && cp -R tests/programs "$work/tests" && cp -R examples "$work" || exit 1
for f in tests/programs/*.dl examples/*/*.dl; do must_compile "$work/$f" "$f"; done
if "$dlc" fmt --check dsl/std/*.dl examples/*/*.dl examples/*/*/*.dl > "$work/out" 2>&1; then
    passed=$((passed + 1))
else
    fail "dlc fmt --check" "not in their form; dlc fmt mends them" "$work/out"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
