#!/bin/sh
# The examples whose data are always there, trained three ways: by dlc train, as programs of
# their own (--main), and by both interpreters; what they say to bad input; and, in control.sh, what
# watches and steers a run.
#     tests/e2e/train.sh DLC BUILD_FOLDER
set -u
dlc=$(realpath "$1") build=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset DLC_DATA
. "$here/checks.sh"

# near A B TOLERANCE
near() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit !(d < t && d > -t) }'
}

# value NAME FILE: of the JSON object in the last line.
value() {
    tail -n 1 "$2" | sed -n "s/.*\"$1\": \([-+.0-9e]*\).*/\1/p"
}

# ---- three ways ----

for name in linear logistic toy_rnn fashion; do
    epochs=3
    [ $name != fashion ] || epochs=1
    model=$root/examples/$name/$name.dl
    data=$root/examples/$name
    "$dlc" train "$model" --json --quiet --epochs $epochs --threads 2 --weights $name.w >$name.json 2>err
    check "$name: train: $(cat err)" [ "$(wc -l <$name.json)" = $((epochs + 1)) ]
    "$dlc" evaluate "$model" --json --weights $name.w >evaluated
    check "$name: evaluate says what train said" sh -c "tail -n 1 $name.json | cmp - evaluated"

    "$dlc" "$model" --main -o $name.c &&
        ${CC:-cc} -std=c11 -O3 -march=native -fopenmp -I"$root/runtime" -o $name $name.c \
            "$build/libtrainer.a" "$build/libruntime.a" $(libraries $name.c)
    ./$name train --data "$data" --json --quiet --epochs $epochs --threads 1 --weights main.w >main.json
    check "$name: the program has the same weights" cmp $name.w main.w
    ./$name evaluate --data "$data" --json --weights $name.w >main.json
    check "$name: the program evaluates the same" cmp evaluated main.json

    [ $name != fashion ] || continue
    for how in --interpret --interpret=double; do
        "$dlc" train "$model" $how --json --quiet --epochs $epochs --weights i.w >interpreted
        check "$name: the loss with $how: $(value loss interpreted)" \
            near "$(value loss interpreted)" "$(value loss $name.json)" 1e-3
    done
done

# ---- linear: the least-squares line ----

${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -o least_squares "$here/least_squares.c" \
    "$build/libtrainer.a" "$build/libruntime.a" -lz -llzma -lzstd -lm
./least_squares x.npy >line
"$dlc" train "$root/examples/linear/linear.dl" --quiet --weights line.w >/dev/null
"$dlc" predict "$root/examples/linear/linear.dl" --weights line.w --input x.npy >predicted
at_0=$(awk 'NR == 1 { print $3 }' predicted) at_1=$(awk 'NR == 2 { print $3 }' predicted)
read -r slope intercept <line
check "linear: intercept $at_0, least squares $intercept" near "$at_0" "$intercept" 1e-2
check "linear: at 1 $at_1, least squares $slope more" near "$at_1" "$(echo "$slope $intercept" | awk '{ print $1 + $2 }')" 2e-2

# The full batch, until it stands still: to 1e-4.
sed -e 's/batch     32/batch     100/' -e 's/rate: 0.01/rate: 0.5/' "$root/examples/linear/linear.dl" >full.dl
"$dlc" train full.dl --quiet --weights full.w >/dev/null
"$dlc" predict full.dl --weights full.w --input x.npy >predicted
at_0=$(awk 'NR == 1 { print $3 }' predicted)
check "linear, full batch: intercept $at_0, least squares $intercept" near "$at_0" "$intercept" 1e-4

# ---- bad input ----

linear=$root/examples/linear/linear.dl
refused "no such weights" 1 "none.w: cannot be read" "$dlc" evaluate "$linear" --weights none.w
refused "weights of another model" 1 "of another model" "$dlc" evaluate "$linear" --weights fashion.w
head -c 100 linear.w >cut.w
refused "weights cut short" 1 "cut.w: cannot be read" "$dlc" evaluate "$linear" --weights cut.w
refused "no such data" 1 "examples/fetch.sh" "$dlc" train "$root/examples/cifar10/cifar10.dl" --interpret
refused "no such option" 2 "did you mean '--epochs'" "$dlc" train "$linear" --epoch 3
refused "no input" 2 "--input" "$dlc" predict "$linear" --weights linear.w
mkdir short
cp "$root"/examples/fashion/data/*labels* short
head -c 1000 "$root"/examples/fashion/data/*train-images* >short/fashion-1000-train-images.gz
cp "$root"/examples/fashion/data/*test-images* short
refused "data cut short" 1 "cut short after 1000 bytes" \
    "$dlc" train "$root/examples/fashion/fashion.dl" --interpret --data short
sed 's/rate: 0.01/rate: 1e20/' "$linear" >wild.dl
refused "a loss that is not finite" 1 "the loss is not finite in epoch 1, batch 2" "$dlc" train wild.dl --weights wild.w
check "no weights are left of it" [ ! -e wild.w ]

. "$here/control.sh"

report
