#!/bin/sh
# What compiling costs grows with the number of layers and no faster: text, functions, time.
#     tests/e2e/growth.sh DLC
#
# Four times as many layers may take a bit more than four times as many bytes, no function
# more, and at most ten times the processor's time, where twice-nested walks over all layers
# would take sixteen: wide enough for a busy machine, since only time of its own counts. And
# the text is the same where every kernel is scheduled, not one of those alike.
set -eu
dlc=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

write_model() { # layers, body
    cat > "$work/deep_$1.dl" <<EOF
model deep {
    input  x: f32[batch, 16]
    target y: f32[batch, 16]
    h = x
    for i in 0..$1 { h = $2 }
    output out = h
    loss mean_squared_error(h, y)
}
train deep {
    optimizer adam(rate: 0.001)
    batch 8
}
EOF
}

# Sets $spent to the hundredths of a second of user time that children have taken so far.
count_time() {
    times > "$work/times"          # of this shell: a command substitution's has no children yet
    spent=$(sed -n '2s/^\([0-9]*\)m\([0-9.]*\)s.*/\1 \2/p' "$work/times" |
        awk '{ printf "%d", $1 * 6000 + $2 * 100 }')
}

compile() { # layers; sets $bytes, $functions, $time
    count_time
    before=$spent
    "$dlc" "$work/deep_$1.dl" -o "$work/deep_$1.c"
    count_time
    time=$((spent - before))
    bytes=$(wc -c < "$work/deep_$1.c")
    functions=$(grep -c '^DL_KERNEL' "$work/deep_$1.c")
}

expect() { # what, got, most
    if [ "$2" -le "$3" ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$body: $1: $2, more than $3"; fi
}

for body in 'h |> dense(16) |> relu' 'h + (h |> layer_norm |> dense(16) |> tanh)'; do
    write_model 200 "$body"
    write_model 800 "$body"
    compile 200
    few_bytes=$bytes few_functions=$functions few_time=$time
    compile 800
    expect bytes "$bytes" $((few_bytes * 9 / 2))
    expect functions "$functions" "$few_functions"
    expect time "$time" $((few_time * 10 + 100))
    expect "routines left to optimise" \
        "$(awk '/^static int dl_/ { s = NR } s && /^}/ { n += NR - s > 5000; s = 0 } END { print n + 0 }' \
            "$work/deep_800.c")" 0
    mv "$work/deep_200.c" "$work/kept.c"
    "$dlc" "$work/deep_200.dl" --without=alike -o "$work/deep_200.c"
    if cmp -s "$work/deep_200.c" "$work/kept.c"; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$body: another text with --without=alike"; fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
