#!/bin/sh
# Weights of Keras and PyTorch, converted by tools/import_weights.py, give the frameworks' own
# outputs to 1e-5: the files of tests/ref/imported, in generated C, without Python. Where there
# is a Python with numpy, the conversion itself is done again, and has to give the same files.
#     [PYTHON=python3] tests/e2e/imported.sh DLC
set -eu
dlc=$1
here=$(dirname "$0")
ref=$here/../ref/imported
script=$here/../../tools/import_weights.py
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/checks.sh"
export DLC="$dlc"

model_of() { # the program of a case: its own, or that of its kind
    if [ -e "$ref/$1.dl" ]; then echo "$ref/$1.dl"; else echo "$ref/${1%_*}.dl"; fi
}

predict() { # name
    inputs=
    for file in "$ref/$1".*.npy; do
        input=${file#"$ref/$1."}
        input=${input%.npy}
        if [ "$input" != out ]; then inputs="$inputs --input $input=$file"; fi
    done
    "$dlc" predict "$(model_of "$1")" --weights "$ref/$1.safetensors" $inputs -o "$work/out.npy" &&
        "$work/npy_near" "$work/out.npy" "$ref/$1.out.npy" 1e-5
}

convert() { # name, source
    set -- "$1" "$2" "$work/converted.safetensors"
    if [ -e "$ref/$1.table" ]; then set -- "$@" --table "$ref/$1.table"; fi
    name=$1 source=$2 out=$3
    shift 3
    "$python" "$script" "$source" "$(model_of "$name")" -o "$out" "$@" &&
        cmp "$out" "$ref/$name.safetensors"
}

refuse() { # text that the message must contain, arguments
    text=$1
    shift
    if "$python" "$script" "$@" -o "$work/no.safetensors" >"$work/refused" 2>&1; then
        echo "it was not refused: $*"
        return 1
    fi
    grep -qF "$text" "$work/refused" || { echo "not said: $text"; cat "$work/refused"; return 1; }
    [ ! -e "$work/no.safetensors" ]
}

${CC:-cc} -std=c11 -O1 -o "$work/npy_near" "$here/npy_near.c" -lm
for file in "$ref"/*.safetensors; do
    name=$(basename "$file" .safetensors)
    check "$name" predict "$name"
done

python=${PYTHON:-python3}
if "$python" -c 'import numpy' 2>/dev/null; then
    for file in "$ref"/*.source.npz; do
        name=$(basename "$file" .source.npz)
        check "conversion of $name" convert "$name" "$file"
    done
    if "$python" -c 'import h5py' 2>/dev/null; then
        check "an .h5 file" convert lstm_keras "$ref/lstm_keras.weights.h5"
    else echo "skipped: no h5py, so no .h5 is read"; fi
    if "$python" -c 'import torch' 2>/dev/null; then
        check "a .pt file" convert transformer_torch "$ref/transformer_torch.pt"
    else echo "skipped: no torch, so no .pt is read"; fi
    check "another model" refuse "nothing fits" "$ref/gru_torch.source.npz" "$ref/lstm.dl"
    echo "model head { input x: f32[batch, 4]; output y = x |> dense(3) }" >"$work/head.dl"
    check "weights left over" refuse "has no place for" "$ref/lstm_torch.source.npz" "$work/head.dl"
    echo "nothing = head" >"$work/name.table"
    check "a name of the table" refuse "is no layer of the model" "$ref/lstm_torch.source.npz" \
        "$ref/lstm.dl" --table "$work/name.table"
    check "no file" refuse "there is no file" "$work/none.pt" "$ref/lstm.dl"
    check "no format" refuse "is expected" "$ref/lstm.dl" "$ref/lstm.dl"
    echo "dense = fc1 upside_down(3)" >"$work/wrong.table"
    check "a wrong table" refuse "channels_first(C, H, W)" "$ref/cnn_torch.source.npz" \
        "$ref/cnn_torch.dl" --table "$work/wrong.table"
else
    echo "skipped: no Python with numpy, so tools/import_weights.py is not run"
fi
report
