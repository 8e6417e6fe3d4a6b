#!/bin/sh
# What each mechanism brings: every model with all of them, then with one left out, in turn,
# several rounds, medians.
#     tests/bench/mechanisms.sh DLC BUILD_FOLDER
# In the environment: ROUNDS (3), SECONDS_EACH (1), MODELS (all), as for run.sh.
# Out: BUILD_FOLDER/mechanisms.csv, the columns of bench.csv; the system is `all`, or `-NAME`
# without a mechanism.
set -eu
dlc=$1 build=$2
here=$(dirname "$0")
runtime=$here/../../runtime
work=$build/mechanisms
seconds=${SECONDS_EACH:-1}
models=${MODELS:-$(awk '!/^#/ { print $1 }' "$here/models")}
threads=$(if [ "$(nproc)" = 1 ]; then echo 1; else echo "1 $(nproc)"; fi)
flags="-std=c11 -O3 -march=native -fopenmp"
ways="all $("$dlc" --without=list | sed 's/^\([a-z]*\).*/-\1/')"
mkdir -p "$work"

# One model one way, in a process of its own.
if [ $# = 4 ]; then
    name=$work/$3$4
    option=$([ "$4" = all ] || echo "--without=${4#-}")
    "$dlc" "$here/$3.dl" --prefix=bench $option -o "$name.c" >"$name.log" 2>&1 &&
        ${CC:-cc} $flags -I"$runtime" -o "$name" "$work/bench.o" "$name.c" \
            "$build/libruntime.a" -lm ||
        echo "$3 $4 does not compile" >&2
    exit 0
fi

${CC:-cc} $flags -O2 -I"$runtime" -c -o "$work/bench.o" "$here/bench.c"
rm -f "$work/rounds.csv"
for model in $models; do
    rm -f "$work/$model"*
    echo "$ways" | tr ' ' '\n' | xargs -P "$(nproc)" -I WAY "$0" "$dlc" "$build" "$model" WAY
    round=1
    while [ "$round" -le "${ROUNDS:-3}" ]; do
        for way in $ways; do
            [ -x "$work/$model$way" ] || continue
            for t in $threads; do
                "$work/$model$way" "$t" "$seconds" | tr ' ' '\n' | awk -F= -v key="$model,$way,$t" '
                    { v[$1] = $2 }
                    END { printf "%s,%s,%s,,%s,%s\n", key, v["step_us"], v["predict1_us"],
                        v["rss_mb"], v["plan_bytes"] }' >>"$work/rounds.csv"
            done
        done
        round=$((round + 1))
    done
    echo "$model" >&2
done
awk -f "$here/medians.awk" "$here/models" "$work/rounds.csv" >"$build/mechanisms.csv"
