#!/bin/sh
# README.md's command lines, each as it stands there, in their order, on a small model with all that
# they name: convolutions, a table of words, classes. What README names in capitals is put in:
# `F`, the weights. `make` is left to those who run this.
#     tests/e2e/readme.sh DLC
set -u
dlc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0
cat >model.dl <<'END'
model small {
    input  words: i32[batch, 6]
    target label: i32[batch]

    x = words |> embedding(2, 8) |> reshape(batch, 6, 8, 1)
    scores = x |> conv2d(4, 3, activation: relu) |> flatten |> dense(2)

    output probabilities = softmax(scores)
    loss   cross_entropy(scores, label)
    metric accuracy(scores, label)
}

train small {
    data      random_sequences(rows: 40)
    optimizer adam(rate: 0.01)
    batch     16
    epochs    2
}
END
sed 's/small/other/; s/dense(2)/dense(16) |> relu |> dense(2)/' model.dl >new.dl

# For filters and words in one picture.
cat >both.dl <<'END'
model small {
    input  image: u8[batch, 8, 8, 1]
    input  word: i32[batch]
    target label: i32[batch]
    seen = image / 255 |> conv2d(4, 3, activation: relu) |> flatten
    scores = concatenate([seen, word |> embedding(5, 4)]) |> dense(2)
    output scores
    loss   cross_entropy(scores, label)
}

train small {
    data      npy(".")
    optimizer adam(rate: 0.01)
}
END

# What these commands do is the same with code that is built in less time.
printf '#!/bin/sh\nexec %s "$@" -O1\n' "${CC:-cc}" >compiler && chmod +x compiler
CC=$work/compiler
export CC

# npy FILE SHAPE BYTES: zeros of type i32.
npy() {
    printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<i4', 'fortran_order': False, 'shape': ($2), }" >"$1"
    head -c "$3" /dev/zero >>"$1"
}
npy x.npy "3, 6" 72
npy y.npy "3," 12
npy train_image.npy "5, 8, 8, 1" 1280
npy train_word.npy "5," 20
npy train_label.npy "5," 20
ln -s "$root/runtime" runtime
PATH=$(dirname "$dlc"):$PATH
export PATH
sed -n -e 's/^    \(dlc .*\)$/\1/p' -e 's/^    \(cc .*\)$/\1/p' "$root/README.md" |
    sed -e 's/ F\( \|$\)/ small.safetensors\1/' -e 's/^dlc bench/dlc bench --seconds 0.02/' >commands
while read -r command; do
    case $command in
    *old.safetensors*) cp small.safetensors old.safetensors ;;
    *--target\ y.npy*) npy y.npy "3," 12 ;; # predict has written another y.npy
    *--filters*) cp both.dl model.dl && dlc train model.dl --quiet >log ;;
    esac
    if sh -c "$command" >log 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "README.md: $command"
        tail -n 5 log
    fi
done <commands
for picture in curves.png c.png k.png g.svg plan.png words.png f.png roofline.png; do
    if [ -s $picture ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "README.md: no picture $picture"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 20 ]
