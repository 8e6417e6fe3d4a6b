#!/bin/sh
# Makes docs/performance.md's tables and plots from what `make bench` and
# tests/bench/mechanisms.sh measured, and keeps the numbers beside them.
#     tests/bench/page.sh BUILD_FOLDER
# In: BUILD_FOLDER/{bench,sweep,mechanisms}.csv, BUILD_FOLDER/bench/limits.csv; what is missing
# stays as it was measured last. Out: docs/performance.md, docs/performance/*.csv, *.png.
set -eu
build=$1
here=$(dirname "$0")
docs=$here/../../docs
kept=$docs/performance
mkdir -p "$kept"
for file in bench.csv bench/limits.csv sweep.csv mechanisms.csv; do
    name=$kept/$(basename $file)
    if [ -s "$build/$file" ]; then cp "$build/$file" "$name"; fi
    [ -e "$name" ] || : >"$name"
done
awk -f "$here/page.awk" "$here/models" "$kept/limits.csv" "$kept/bench.csv" "$kept/sweep.csv" \
    "$kept/mechanisms.csv" "$docs/performance.md" >"$docs/performance.md.new"
mv "$docs/performance.md.new" "$docs/performance.md"

command -v gnuplot >/dev/null || { echo "page: no gnuplot, so no plots" >&2; exit 0; }
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

# Steps of the other systems in steps of ours: a row a model, a column a system.
awk -F, '
    NR > 1 && $5 != "" {
        if (!($1 in seen)) { seen[$1] = 1; model[++models] = $1 }
        if (!(($1, $2) in best) || $5 + 0 < best[$1, $2]) best[$1, $2] = $5 + 0
    }
    END {
        n = split("keras keras-compile torch torch-compile jax", other, " ")
        for (i = 1; i <= models; i++) {
            printf "\"%s\"", model[i]
            for (k = 1; k <= n; k++)
                printf " %s", (model[i], other[k]) in best ? \
                    best[model[i], other[k]] / best[model[i], "generated"] : "NaN"
            print ""
        }
    }' "$kept/bench.csv" | tr _ ' ' >"$data/models"

# Squares: size, share of the peak of ours and of OpenBLAS, one thread and two.
awk -F, '
    FILENAME ~ /limits/ { if ($1 == "gflops" && $3 + 0 > peak[$2]) peak[$2] = $3 + 0; next }
    sub(/^square /, "", $1) {
        if (!($1 in seen)) { seen[$1] = 1; size[++n] = $1 }
        ours[$1, $2] = $4
        blas[$1, $2] = $5
    }
    function share(x, t) { return x == "" || !peak[t] ? "NaN" : x / peak[t] }
    END {
        for (i = 1; i <= n; i++)
            print size[i], share(ours[size[i], 1], 1), share(blas[size[i], 1], 1), \
                share(ours[size[i], 2], 2), share(blas[size[i], 2], 2)
    }' "$kept/limits.csv" "$kept/sweep.csv" >"$data/squares"

# All shapes in order of the ratio to OpenBLAS, and to oneDNN.
for t in 1 2; do
    awk -F, -v t=$t 'NR > 1 && $2 == t { print $7 }' "$kept/sweep.csv" | sort -n >"$data/ratios$t"
    awk -F, -v t=$t 'NR > 1 && $2 == t && $10 != "" { print $10 }' "$kept/sweep.csv" |
        sort -n >"$data/onednn$t"
done

gnuplot -e "data='$data'; kept='$kept'" "$here/page.gnuplot"
