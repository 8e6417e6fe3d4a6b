#!/bin/sh
# docs/first_model.md, walked from top to bottom as it stands: files that the page shows are written,
# commands are run in an empty folder in one shell, and what they print on standard output is what
# the page says. The text decides: a block `sh` is a command, `text` what the commands before it
# print in the end, any other block with a second word the file of that name.
#     tests/e2e/first_model.sh DLC            with this compiler
#     tests/e2e/first_model.sh clean          from an empty machine: installs, clones, builds
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
how=$1
[ "$how" = clean ] || how=$(realpath "$how")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/blocks" "$work/here"
passed=0 failed=0

# Blocks become files NUMBER.KIND.NAME, in order.
awk -v folder="$work/blocks" '
    /^```/ && out == "" {
        kind = substr($1, 4)
        out = sprintf("%s/%03d.%s.%s", folder, NR, kind, $2)
        printf "" > out
        next
    }
    /^```/ { close(out); out = ""; next }
    out != "" { print >> out }' "$root/docs/first_model.md"

# One script of the whole page. What a block of commands prints goes to a file of its own.
cd "$work/here" || exit 1
for block in "$work"/blocks/*; do
    name=${block##*/} kind=${block##*/*.}
    rest=${name#*.} kind=${rest%%.*} file=${rest#*.}
    case $kind in
    sh)
        [ "$how" = clean ] || [ -z "$file" ] || continue
        echo "echo '$name' >../at"
        echo "{"
        sed "s|git clone URL|git clone -q '$root'|" "$block"
        echo "} >'../printed.$name'"
        last=$name ;;
    text) echo "printed.$last" >"$work/expected.$name" ;;
    *) echo "cp '$block' '$file'" ;;
    esac
done >../script
if [ "$how" != clean ]; then
    mkdir -p dlc/build
    ln -s "$how" dlc/build/dlc
fi
if sh -eu ../script >../log 2>&1; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "the page's commands fail in the block of line $(sed 's/[.].*//' ../at):"
    tail -n 20 ../log
fi
for expected in "$work"/expected.*; do
    name=${expected##*/expected.}
    printed=$work/$(cat "$expected")
    if tail -n "$(wc -l <"$work/blocks/$name")" "$printed" | diff "$work/blocks/$name" - >../difference; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "line ${name%%.*} of the page says what is not so:"
        cat ../difference
    fi
done
# The door number decides nothing, and the explanation says so; pictures and log are there.
explained=$(cat "$work"/printed.* | sed -n 's/^ *\(size\|door\) *+*\(-*[0-9.]*\) .*/\1 \2/p' | tr '\n' ' ')
if echo "$explained" | awk '{ exit !($1 == "size" && $2 > 100 && $3 == "door" && $4 < 5) }' &&
    [ -s curves.png ] && [ -s why.png ] && [ "$(wc -l <run.csv)" = 61 ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "the explanation is '$explained'; or a picture or the log is missing"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
