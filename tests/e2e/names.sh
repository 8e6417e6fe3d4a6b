#!/bin/sh
# Whatever a model, its tensors, entries and metrics are called: the C compiles without a
# warning, in one file and beside the runtime.
#     tests/e2e/names.sh DLC
set -eu
dlc=$1
runtime=$(dirname "$0")/../../runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

write_model() { # its name, those of an input, a target, a parameter, an entry, a metric
    cat > "$work/$1.dl" <<END
layer layer_of(x: f32[..., n], units: int) {
    param $4: f32[n, units] = glorot_uniform()
    y[..., o] = sum(k) x[..., k] * $4[k, o]
    return relu(y)
}
metric $6(scores, target) {
    total hits = sum(n) if argmax(c) scores[n, c] == target[n] then 1
    total all = sum(n) (if target[n] < 0 then 0 else 1)
    result hits / all
}
model $1 {
    input  $2: f32[batch, 12]
    input  ${2}_at: i32[batch]
    target $3: i32[batch]
    at = embedding(7, 12)
    layer_1 = layer_of(24)
    h = $2 + (${2}_at |> at)
    s = h |> layer_1 |> dense(5)
    output out_of = softmax(s)
    loss cross_entropy(s, $3)
    metric $6(s, $3)
    entry $5 {
        input $2: f32[batch, 12]
        output s = $2 |> layer_1
    }
}
train $1 {
    optimizer adam(rate: 0.01)
    batch 6
}
END
}

build() { # model, options of dlc
    name=$1
    shift
    if "$dlc" "$work/$name.dl" "$@" -o "$work/out.c" >"$work/log" 2>&1 &&
        ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -O0 -fsyntax-only -fopenmp \
            -I"$runtime" -I"$work" "$work/out.c" >>"$work/log" 2>&1
    then passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name $*:"
        head -n 12 "$work/log"
    fi
}

while read -r model input target parameter entry metric; do
    write_model "$model" "$input" "$target" "$parameter" "$entry" "$metric"
    build "$model"
done <<'END'
table step moved kernel init save
moved tensors summed arena reset message
relu_kernel kernel loss fold_kernel kernel kernel
exp log sin memcpy printf malloc
size_t int32_t NULL errno offsetof EOF
END
build table --standalone
build moved --standalone
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
