#!/bin/sh
# How much of Keras's vocabulary the library has: counts tests/coverage/keras.words against the
# definitions of dsl/std and the operators, prints the table that README.md shows, and fails when
# README.md has another, when a word that is said to be there is not, or below 90 %.
#     tests/coverage.sh           check
#     tests/coverage.sh -p        print the table only
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
table=$(awk '
    FILENAME ~ /ops\.def$/ { if (match($0, /^OP\([a-z0-9_]+/)) have["fn " substr($0, 4, RLENGTH - 3)] = 1; next }
    FILENAME ~ /\.dl$/ {
        if ($1 ~ /^(fn|layer|metric|optimizer|initializer)$/) { name = $2; sub(/\(.*/, "", name); have[$1 " " name] = 1 }
        next
    }
    /^#/ || NF < 3 { next }
    {
        if (!($1 in total)) order[++kinds] = $1
        total[$1]++
        if ($3 == "-") { missing[$1] = missing[$1] (missing[$1] == "" ? "" : ", ") $2; next }
        if ($3 != "=" && !known($1, $3)) { print "keras.words: nothing defines " $1 " " $3 | "cat >&2"; bad = 1; next }
        found[$1]++
    }
    function known(kind, word) {
        if (kind == "metric" || kind == "optimizer" || kind == "initializer") return (kind " " word) in have
        return ("fn " word) in have || ("layer " word) in have
    }
    END {
        print "| of Keras 3.15 | here | of | missing |"
        print "|---|---|---|---|"
        for (i = 1; i <= kinds; i++) {
            k = order[i]
            plural = k == "loss" ? "losses" : k "s"
            printf "| %s | %d | %d | %s |\n", plural, found[k], total[k], missing[k]
            if (found[k] < 0.9 * total[k]) { print "less than 90 % of the " plural | "cat >&2"; bad = 1 }
        }
        exit bad
    }' "$root/compiler/ops.def" "$root"/dsl/std/*.dl "$here/coverage/keras.words") || failed=1
[ "${1:-}" != -p ] || { echo "$table"; exit "${failed:-0}"; }
passed=0 failed=${failed:-0}
while read -r line; do
    if grep -qxF "$line" "$root/README.md"; then passed=$((passed + 1)); continue; fi
    echo "README.md lacks: $line"
    failed=$((failed + 1))
done <<END
$table
END
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
