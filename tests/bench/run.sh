#!/bin/sh
# Measures the models of this folder in interleaved rounds: every system in turn, so that
# what else the machine does meets all alike; then medians over the rounds.
#     tests/bench/run.sh DLC BUILD_FOLDER
# In the environment:
#     ROUNDS     rounds (3)             SECONDS_EACH  timed seconds of a run (2)
#     MODELS     names (all)            PEERS         a Python with keras, torch, jax: runs them too
#     PEER_THREADS  numbers of threads that these are given ("1" and all)
#     REFERENCE  a folder with hand-written programs: REFERENCE/NAME THREADS SECONDS prints a
#                line as bench.c does
# Out: BUILD_FOLDER/bench.csv, BUILD_FOLDER/bench/rounds.csv (every run), limits.csv; a table.
set -eu
dlc=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
runtime=$here/../../runtime
work=$build/bench
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-2}
models=${MODELS:-$(awk '!/^#/ { print $1 }' "$here/models")}
most=$(nproc)
threads=$(if [ "$most" = 1 ]; then echo 1; else echo "1 $most"; fi)
CC=${CC:-cc}
flags="-std=c11 -O3 -march=native -fopenmp"
mkdir -p "$work"
dlc=$(cd "$(dirname "$dlc")" && pwd)/$(basename "$dlc")

# $1: model, $2: system, $3: threads, $4: a line of name=value, $5: when it was started or ""
record() {
    echo "$4" | tr ' ' '\n' | awk -F= -v model="$1" -v name="$2" -v threads="$3" -v start="$5" '
        { v[$1] = $2 }
        END {
            first = v["first_step_s"]
            if (start != "" && v["first_end"] != "") first = v["first_end"] - start
            printf "%s,%s,%s,%s,%s,%s,%s,%s\n", model, name, threads, v["step_us"],
                v["predict1_us"], first, v["rss_mb"], v["plan_bytes"]
        }' >>"$work/rounds.csv"
}

# From the text of the model to the end of its first step: dlc, the C compiler, the program.
generated() {
    start=$(date +%s.%N)
    "$dlc" "$here/$1.dl" --prefix=bench -o "$work/$1.c"
    # shellcheck disable=SC2086
    $CC $flags -I"$runtime" -o "$work/$1" "$work/bench.o" "$work/$1.c" "$build/libruntime.a" -lm
    for t in $threads; do
        record "$1" generated "$t" "$("$work/$1" "$t" "$seconds")" "$start"
        start=
    done
}

# The single-precision interpreter, as `dlc bench` measures it: a JSON object a line.
interpreted() {
    "$dlc" bench "$here/$1.dl" --json --seconds="$(echo "$seconds" | awk '{ print $1 / 3 }')" |
        grep '"system": "interpreted"' | tr -d '{}" ' | tr ':,' '= ' | while read -r line; do
        t=$(echo "$line" | sed 's/.*threads=\([0-9]*\).*/\1/')
        record "$1" interpreted "$t" "$line" ""
    done
}

peers() {
    for peer in keras "keras --compile" torch "torch --compile" jax; do
        script=$here/peers/with_${peer%% *}.py
        for t in ${PEER_THREADS:-$threads}; do
            # shellcheck disable=SC2086
            line=$("$PEERS" "$script" "$1" --threads "$t" --seconds "$seconds" \
                $(echo "$peer" | sed 's/^[a-z]*//') 2>"$work/peer.log") ||
                { echo "$peer $1 failed: $(tail -n 1 "$work/peer.log")" >&2; continue; }
            record "$1" "$(echo "$peer" | sed 's/ --/-/')" "$t" "$line" ""
        done
    done
}

limits() {
    for t in $threads; do
        "$work/limits" "$t" 1 | tr ' ' '\n' | sed "s/=/,$t,/" >>"$work/limits.csv"
    done
}

$CC $flags -O2 -I"$runtime" -c -o "$work/bench.o" "$here/bench.c"
$CC $flags -O2 -o "$work/limits" "$here/limits.c"
rm -f "$work/rounds.csv" "$work/limits.csv"
round=1
while [ "$round" -le "$rounds" ]; do
    for model in $models; do
        echo "round $round of $rounds: $model" >&2
        limits
        generated "$model"
        interpreted "$model"
        if [ -x "${REFERENCE:-}/$model" ]; then
            for t in $threads; do
                record "$model" reference "$t" "$("$REFERENCE/$model" "$t" "$seconds")" ""
            done
        fi
        if [ -n "${PEERS:-}" ]; then peers "$model"; fi
    done
    round=$((round + 1))
done
awk -f "$here/medians.awk" "$here/models" "$work/rounds.csv" >"$build/bench.csv"
awk -f "$here/table.awk" "$here/models" "$work/limits.csv" "$build/bench.csv"
