#!/bin/sh
# Generation with keys and values kept gives the logits of the whole context: cache.c.
#     tests/e2e/cache.sh DLC
set -eu
dlc=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$dlc" "$here/../programs/gpt_cache.dl" --standalone -o "$work/gpt_cache.c"
${CC:-cc} -std=c11 -O2 -march=native -fopenmp -I"$here/../../runtime" -I"$work" \
    -o "$work/cache" "$here/cache.c" "$work/gpt_cache.c" -lm
"$work/cache"
