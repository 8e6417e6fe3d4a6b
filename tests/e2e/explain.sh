#!/bin/sh
# dlc explain and --tap from the command line, on models whose answer is known by construction: the
# pixel, the word and the columns that decide are found; integrated gradients add up; generated code
# and both interpreters say the same; docs/explain.md's commands run as they stand there.
#     tests/e2e/explain.sh DLC
set -u
dlc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset DLC_DATA
export CFLAGS=-O1     # compiling takes longer than running here
. "$here/checks.sh"

explain() { "$dlc" explain "$@" --quiet --threads 1; }
fails_with() { # the message's text, then a command
    text=$1
    shift
    ! "$@" >out 2>&1 && grep -qF -- "$text" out
}

# ---- a table whose target is made of the columns c and f of eight ----
awk 'BEGIN { srand(3); print "a,b,c,d,e,f,g,h,y"
    for (i = 0; i < 400; i++) {
        for (k = 0; k < 8; k++) { v[k] = 2 * rand() - 1; printf "%.5f,", v[k] }
        printf "%.5f\n", 2 * v[2] - v[5] + 0.3 * (rand() - 0.5) } }' >table.csv
cat >table.dl <<'END'
model table {
    input  x: f32[batch, 8]
    target y: f32[batch]
    line = x |> dense(1)
    output line
    loss   mean_squared_error(line, y)
}

train table {
    data      csv("table.csv", target: "y")
    optimizer sgd(rate: 0.1)
    batch     32
    epochs    20
}
END
"$dlc" train table.dl --interpret --quiet >/dev/null || exit 1
explain table.dl --interpret --json >importance.json
check "permutation finds c, then f" sh -c \
    'sed -n "1,2s/.*feature\": \"\([a-z]\)\".*/\1/p" importance.json | tr -d "\n" | grep -qx cf'
check "the other columns are within three errors of 0" awk -F'[:,}]' \
    'NR > 2 { c = $6; d = $8; if (c < 0) c = -c; if (c > 3 * d + 1e-9 || c > 0.02) bad = 1 }
     END { exit bad || NR != 8 }' importance.json
head -2 table.csv >one.csv
explain table.dl --interpret=double --input one.csv >double.txt
check "attributions of a line add up to 1e-3" grep -q '(error [0-9.e-]*e-[0-9]* %)' double.txt
explain table.dl --input one.csv --json >generated.json
explain table.dl --interpret --input one.csv --json >interpreted.json
same() { tr -c '0-9.e+\n-' ' ' <"$1" >a; tr -c '0-9.e+\n-' ' ' <"$2" >b
    awk 'NR == FNR { n = split($0, x); next } { m = split($0, y); bad = n != m
        for (i = 1; i <= n; i++) { d = x[i] - y[i]; if (d < -1e-4 || d > 1e-4) bad = 1 } } END { exit bad }' a b; }
check "generated code and interpreter explain alike" same generated.json interpreted.json
check "an unknown metric is told" fails_with "no metric of that name" explain table.dl --interpret --metric los
check "permutations take no rows" fails_with "--input is of the other methods" \
    explain table.dl --interpret --method permutation --input one.csv
check "files of another kind are refused" fails_with "a picture (.png, .svg)" \
    explain table.dl --interpret --input one.csv -o why.txt

# ---- pictures in which one pixel of 6 x 5 decides ----
cat >pixel.dl <<'END'
model pixel {
    input  image: u8[batch, 6, 5]
    target label: i32[batch]
    param  w: f32[2] = ones()
    bright[n] = image[n, 3, 1] / 255 * w[0] + 0 * w[1]
    scores[n, c in 0..2] = if c == 0 then -bright[n] else bright[n]
    output probabilities = softmax(scores)
    loss   cross_entropy(scores, label)
}

train pixel { data npy("."); optimizer sgd(rate: 0); batch 4; epochs 1 }
END
npy() { # $1 header's dictionary, then bytes as octal for printf
    printf '\223NUMPY\001\000\166\000%-117s\n' "$1"
    shift
    printf "$@"
}
bytes=$(awk 'BEGIN { for (i = 0; i < 60; i++) printf "\\%03o", i == 16 || i == 46 ? 200 : (7 * i) % 60 }')
npy "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 6, 5), }" "$bytes" >train_image.npy
npy "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }" '\001\000' >train_label.npy
cp train_image.npy test_image.npy
cp train_label.npy test_label.npy
"$dlc" train pixel.dl --interpret --quiet >/dev/null || exit 1
for method in saliency integrated occlusion; do
    explain pixel.dl --interpret --input train_image.npy --method $method --patch 1 --rows 1 --json >$method.json
    check "$method finds the pixel" awk -F'[][]' '{ n = split($2, v, ", "); best = 1
        for (i = 1; i <= n; i++) if (v[i] > v[best]) best = i
        others = 0; for (i = 1; i <= n; i++) if (i != best) others += v[i] * v[i]
        exit !(n == 30 && best == 17 && others == 0) }' $method.json
done
check "an unknown class has its near name or range" fails_with "from 0 to 1" \
    explain pixel.dl --interpret --input train_image.npy --class 2
if command -v gnuplot >/dev/null; then
    explain pixel.dl --interpret --input train_image.npy -o heat.png -o heat.npy
    check "a picture and its numbers" sh -c 'head -c 4 heat.png | tail -c 3 | grep -q PNG && [ $(wc -c <heat.npy) = 368 ]'
fi
"$dlc" predict pixel.dl --interpret --input train_image.npy --tap bright=b.npy --tap scores >/dev/null
check "taps are written" sh -c '[ $(wc -c <b.npy) = 136 ] && [ $(wc -c <scores.npy) = 144 ]'
check "an unknown tap has a near name" fails_with 'did you mean `bright`' \
    "$dlc" predict pixel.dl --interpret --input train_image.npy --tap brigt

# ---- reviews of which one word decides ----
awk 'BEGIN { srand(5); split("the a film plot was it and scene actor music", w, " ")
    for (i = 0; i < 240; i++) { good = i % 2; text = ""; at = int(8 * rand())
        for (k = 0; k < 8; k++) text = text (k == at ? (good ? "superb" : "dreadful") : w[1 + int(10 * rand())]) " "
        printf "%d\t%d\t%d\t%s\n", good, good ? 9 : 2, i, text } }' >train.tsv
cp train.tsv test.tsv
cat >review.dl <<'END'
model review {
    input  words: i32[batch, 8]
    target label: i32[batch]
    score = words |> embedding(20, 4) |> flatten |> dense(1)
    output probability = sigmoid(score)
    loss   binary_cross_entropy(score, label)
}

train review { data imdb("."); optimizer adam(rate: 0.02); batch 16; epochs 10 }
END
"$dlc" train review.dl --interpret --quiet >/dev/null || exit 1
printf 'The plot was superb and it was a film\nA dreadful scene\n' >typed.txt
explain review.dl --interpret --input typed.txt >words.txt
check "of a praise, superb raised it most" sh -c \
    'sed -n "3,10p" words.txt | sort -rn | head -n 1 | grep -q superb'
check "of the other, dreadful lowered it most" sh -c \
    'sed -n "11,99p" words.txt | grep "^[-+]" | sort -n | head -n 1 | grep -q dreadful'
check "attributions add up to a thousandth" awk '/add up/ { gsub(/[(]error/, ""); if ($0 ~ /more/) bad = 1
    d = $5 - $7; if (d < 0) d = -d; s = $7 < 0 ? -$7 : $7; if (d > 1e-3 * s + 1e-4) bad = 1 } END { exit bad }' words.txt
check "no escape sequence but on a terminal" sh -c '! grep -q "$(printf "\033")" words.txt'
script -qec "TERM=xterm-256color $dlc explain review.dl --interpret --input typed.txt" /dev/null >screen.txt 2>&1
check "words on grounds of colour on a terminal" sh -c 'grep -q "48;5;208msuperb" screen.txt'
script -qec "NO_COLOR=1 TERM=xterm-256color $dlc explain review.dl --interpret --input typed.txt" /dev/null >screen.txt 2>&1
check "NO_COLOR is respected" sh -c '! grep -q "48;5" screen.txt'

# ---- the page of the manual: indented commands, on the example whose data ship; interpreted, which
# adds no compilation and says the same ----
cp -r "$root/examples/fashion" "$work/fashion"
cp table.csv houses.csv
sed 's/csv("table.csv", target: "y")/csv("houses.csv", target: "y")/; s/table/houses/' table.dl >houses.dl
cp fashion/fashion.dl fashion.dl
ln -s fashion/data data
PATH=$(dirname "$dlc"):$PATH
export PATH
sed -n 's/^    dlc /dlc /p' "$root/docs/explain.md" | grep -v review |
    sed '/-o fashion.c/!s/ #.*//; /-o fashion.c/!s/$/ --interpret/' >page.sh
command -v gnuplot >/dev/null || sed -i '/-o/d' page.sh
check "docs/explain.md: its commands run ($(wc -l <page.sh))" sh -c 'sh -eu page.sh >page.log 2>&1 || { tail -n 5 page.log; exit 1; }'

report
