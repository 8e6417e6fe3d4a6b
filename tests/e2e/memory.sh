#!/bin/sh
# --memory and --parallel as a user has them: the plan fits the limit, the same model trains
# under it on any number of threads, a limit that cannot be kept and a wrong word are refused.
#     tests/e2e/memory.sh [BUILD]
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # what, whether
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $1"; fi
}

# Two blocks whose rows a normalisation couples: what the second stretch reads is made again.
cat > "$work/coupled.dl" <<'END'
model coupled {
    input  x: f32[batch, 12, 12, 8]
    target y: i32[batch]
    a = x |> conv2d(16, 3, padding: same) |> batch_norm |> relu
    b = a |> conv2d(16, 3, padding: same) |> batch_norm |> relu
    scores = b |> global_average_pool2d |> dense(10)
    output scores
    loss   cross_entropy(scores, y)
}
train coupled {
    optimizer sgd(rate: 0.01)
    batch     32
}
END

compile() { # name, options: to $work/NAME.c and NAME
    name=$1
    shift
    "$build/dlc" "$work/coupled.dl" --standalone -o "$work/$name.c" "$@" 2> "$work/$name.err" &&
        ${CC:-cc} -std=c11 -O1 -march=native -fopenmp -DTABLE=coupled_model -Iruntime \
            -o "$work/$name" tests/e2e/steps.c "$work/$name.c" -lm
}

scratch() { # of the step, by one thread: what --dump=plan says
    "$build/dlc" "$work/coupled.dl" --dump=plan -o "$work/x.c" "$@" 2> /dev/null |
        sed -n 's/^routine step: \([0-9]*\) bytes, and \([0-9]*\) for each thread/\1 \2/p' |
        awk '{ bytes = $1 + $2 } END { print bytes }' # of several attempts the last
}

free=$(scratch)
limit=$((free * 2 / 3))
compile free; check "compiles without a limit" $?
compile tight --memory=$limit; check "compiles with two thirds of the memory" $?
[ "$(scratch --memory=$limit)" -le $limit ]; check "keeps the limit" $?
grep -q "more operations" "$work/tight.err"; check "says what it costs" $?
[ ! -s "$work/free.err" ]; check "says nothing without a limit" $?
for name in free tight; do
    one=$("$work/$name" 1 3) && three=$("$work/$name" 3 3) && [ "$one" = "$three" ]
    check "$name: the same bits on one thread and on three" $?
done
loss() { "$work/$1" 1 1 | sed 's/.*loss \([0-9.]*\).*/\1/'; }
awk -v a="$(loss free)" -v b="$(loss tight)" 'BEGIN { d = a - b; exit !(d < 1e-5 && d > -1e-5 && a > 0) }'
check "the same loss with a limit" $?

compile never --memory=1K; [ $? != 0 ]; check "refuses what cannot be" $?
grep -q "needs [0-9]* bytes at least" "$work/never.err"; check "says how much it needs" $?
[ ! -e "$work/never.c" ]; check "writes nothing then" $?
compile words --memory=lots; grep -q "256K or 6M, not \`lots\`" "$work/words.err"; check "explains --memory" $?
compile words --parallel=fast; grep -q "not \`fast\`" "$work/words.err"; check "explains --parallel" $?
compile slices --parallel=slices && grep -q DL_PARALLEL_GROUPS "$work/slices.c"; check "slices" $?
compile kernels --parallel=kernels && ! grep -q 'DL_PARALLEL_GROUPS(threads, [0-9]' "$work/kernels.c"
check "kernels" $?
echo "$passed passed, $failed failed"
[ $failed = 0 ]
