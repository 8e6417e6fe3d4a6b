#!/bin/sh
# dlc bench on a tiny model: both tables are whole, every line of --json is an object with its
# numbers, wrong usage is refused. No time is looked at.
#     tests/e2e/bench.sh DLC
set -u
dlc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$here/checks.sh"

refused_silently() {
    refused "$@"
    check "$1: nothing on standard output" [ ! -s out ]
}

tiny=$here/tiny.dl
CFLAGS=-O1
export CFLAGS
TMPDIR=$work
export TMPDIR
"$dlc" bench "$tiny" --seconds 0.03 --threads 2 >table 2>err
check "bench: $(cat err)" [ $? = 0 ]
for line in "1 thread: at most" "2 threads: at most" "^training step " "^predict one row " \
    "^to the first step " "^scratch memory " "^a training step's [0-9]* kernels, 2 threads:"; do
    check "the table says $line: $(cat table)" grep -q "$line" table
done
kernels=$(sed -n "s/^a training step's \([0-9]*\) kernels.*/\1/p" table)
listed=$(grep -c '^ *[0-9.]* %  ' table)
check "$listed of $kernels kernels are listed" [ "$listed" = "$kernels" ]
check "their names are C functions: $(cat table)" grep -q '_kernel  ' table
check "nothing is left behind: $(ls)" [ -z "$(ls -d dlc.* 2>/dev/null)" ]

"$dlc" bench "$tiny" --seconds 0.03 --threads 2 --json >lines 2>err
check "bench --json: $(cat err)" [ $? = 0 ]
check "a line for each system and number of threads: $(cat lines)" [ "$(wc -l <lines)" = 4 ]
for name in train_per_s step_us predict1_us predict_us first_step_s plan_bytes; do
    check "every line has $name above 0: $(cat lines)" \
        [ "$(grep -c "^{.*\"$name\": [0-9.e+-]*[1-9][0-9.e+-]*, .*}\$" lines)" = 4 ]
done
check "systems take turns: $(cat lines)" \
    [ "$(sed 's/.*"system": "\([a-z]*\)", "threads": \([0-9]*\).*/\1\2/' lines | tr '\n' ' ')" = \
        "generated1 interpreted1 generated2 interpreted2 " ]

refused_silently "no such time" 2 "--seconds=soon: a number above 0" "$dlc" bench "$tiny" --seconds soon
refused_silently "no threads" 2 "--threads=0: a number from 1 to 256" "$dlc" bench "$tiny" --threads 0
refused_silently "no model" 2 "Usage: dlc bench model.dl" "$dlc" bench
refused_silently "no C compiler" 1 "no C compiler: 'none' is not there" env CC=none "$dlc" bench "$tiny"
refused_silently "no such file" 1 "none.dl" "$dlc" bench none.dl
refused_silently "no such precision" 2 "--interpret=half: there is no such value" \
    "$dlc" train "$tiny" --interpret=half

report
