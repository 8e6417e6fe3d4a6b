#!/bin/sh
# Pictures: the commands of docs/pictures.md as they stand there; what the files are and say; a
# resumed run has the curves of one that was never broken; and what is lost when gnuplot, graphviz
# or the folder is not there: the picture, and nothing else. Whether they are beautiful is for eyes.
#     tests/e2e/pictures.sh DLC BUILD
set -u
dlc=$(realpath "$1")
build=$(realpath "$2")
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TMPDIR=$work CFLAGS=-O0
export TMPDIR CFLAGS
. "$here/checks.sh"

# is_png FILE WIDTH HEIGHT: a whole PNG file, at least so large; is_svg likewise.
is_png() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] &&
        [ "$(tail -c 8 "$1" | head -c 4)" = IEND ] &&
        [ "$(od -An -tu1 -j18 -N2 "$1" | awk '{ print $1 * 256 + $2 }')" -ge "$2" ] &&
        [ "$(od -An -tu1 -j22 -N2 "$1" | awk '{ print $1 * 256 + $2 }')" -ge "$3" ]
}
is_svg() { grep -q '<svg' "$1" && tail -n 2 "$1" | grep -q '</svg>'; }

# says FILE TEXT...: the texts are in the file.
says() {
    file=$1
    shift
    for text; do grep -qF -e "$text" "$file" || return 1; done
}

# ---- the page -----------------------------------------------------------------------------------

cp -r "$root/examples/fashion" "$work/fashion"    # nothing is compiled where that shows nothing
cd "$work/fashion" || exit 1
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/docs/pictures.md" |
    sed 's/^dlc bench .*/& --seconds 0.02 --threads 1/; s/^dlc train .*/& --epochs 3 --interpret/
         s/^dlc evaluate .*/& --interpret/' >commands
mkdir "$work/bin"
ln -s "$dlc" "$work/bin/dlc"
PATH=$work/bin:$PATH sh -eu commands >printed 2>err
check "the page's commands: $(cat err)" [ $? = 0 ]
check "curves" is_png curves.png 600 400
check "curves of a log" is_svg curves.svg
check "curves say what they are" says curves.svg train_loss test_loss test_accuracy epoch
check "confusions" is_png confusion.png 600 600
check "calibration" is_png calibration.png 500 500
for file in layers.svg graph.svg kernels.svg; do check "$file" is_svg $file; done
check "layers say what they are" says layers.svg conv2d_1 max_pool2d '[batch, 64]' '160 parameters'
check "the graph names layers and shapes" says graph.svg 'conv2d (conv2d)' 'sum over 3, 3' '[batch, 10]'
check "kernels have names and slices" says kernels.svg max_pool2d_kernel 'in slices of' 'gradient of'
check "plan" is_png plan.png 800 500
check "filters" is_png filters.png 200 100
check "filters: how many" grep -qx 'filters.png: 16 filters of conv2d.k, 3 x 3' printed
check "bench" is_png bench.png 700 600
check "layers are a table" grep -Eq '^conv2d  +conv2d  +\[batch, 26, 26, 16\]  +160  +[0-9.]+ k  +43.26 kB$' printed
check "no half-made file is left" [ -z "$(ls -- *.part 2>/dev/null)" ]

# ---- what they say ------------------------------------------------------------------------------

evaluate() { "$dlc" evaluate fashion.dl --interpret "$@"; }
evaluate --confusion confusion.svg --calibration calibration.svg >out 2>err
check "confusions have names: $(cat err)" says confusion.svg 'T-shirt/top' 'Ankle boot' predicted
check "calibration has its error" says calibration.svg 'expected calibration error' confidence
check "metrics are printed beside" grep -q '^loss .* accuracy ' out
"$dlc" show fashion.dl --plot plan.svg
check "the plan names buffers" says plan.svg max_pool2d ' of scratch memory' 'kernel, in order'
"$dlc" show fashion.dl --dot >dot
check "dot" says dot 'subgraph cluster_' 'digraph "fashion"' parameter
"$dlc" show fashion.dl --dot=fused >fused
check "dot of kernels" says fused max_pool2d_kernel ' -> ' 'in slices of'
"$dlc" bench "$root/tests/e2e/line.dl" --seconds 0.01 --threads 1 --plot bench.svg \
    --reference other=12 >out 2>err
check "bars and kernels: $(cat err)" says bench.svg generated interpreted other GFLOP "_kernel, "

# Words of an index input, from the weights; a table that tells its categories apart.
awk 'BEGIN { print "fruit,weight"
    for (i = 0; i < 60; i++) print (i % 3 ? i % 3 > 1 ? "cherry,1" : "apple,9" : "melon,99") }' >fruit.csv
cat >fruit.dl <<'END'
model fruit {
    input  fruit: i32[batch]
    target weight: f32[batch]
    w = fruit |> embedding(8, 4) |> dense(1)
    output w
    loss mean((w[..., 0] - weight) ** 2)
}
train fruit {
    data      csv("fruit.csv", target: "weight", categories: "fruit")
    optimizer adam(rate: 0.1)
    epochs    2
}
END
"$dlc" train fruit.dl --interpret --quiet >out 2>err &&
    "$dlc" show fruit.dl --embedding fruit.svg 2>>err
check "an embedding has its words: $(cat err)" says fruit.svg apple cherry melon 'principal component'
refused "no convolution" 1 "fruit has no convolution that reads an image" \
    "$dlc" show fruit.dl --filters f.png
refused "no classifier" 1 "is no classifier" "$dlc" evaluate fruit.dl --interpret --confusion c.png
check "no classifier: the metrics are there all the same" grep -q '^loss ' out
refused "weights of another model" 1 "fashion.safetensors" \
    "$dlc" show fruit.dl --weights fashion.safetensors --embedding f.png

# ---- a resumed run ------------------------------------------------------------------------------

train() { "$dlc" train fashion.dl --interpret --quiet --threads 1 "$@"; }
train --weights whole.safetensors --epochs 3 --plot whole.svg >out 2>err
train --weights half.safetensors --epochs 2 --checkpoint-every 1 >out 2>err
train --weights half.safetensors --epochs 3 --resume --plot half.svg >out 2>err
check "a resumed run has the curves of a whole one: $(cat err)" cmp whole.svg half.svg

# ---- what is not there ----------------------------------------------------------------------------

mkdir "$work/empty"
cp whole.safetensors kept.safetensors
without() { PATH=$work/empty "$dlc" "$@"; }
refused "train without gnuplot" 1 "gnuplot is not installed; its package is gnuplot-nox" \
    without train fashion.dl --interpret --epochs 1 --plot c.png --weights whole.safetensors
check "train without gnuplot: the weights are as they were" cmp whole.safetensors kept.safetensors
refused "evaluate without gnuplot" 1 "its package is gnuplot-nox" \
    without evaluate fashion.dl --interpret --confusion c.png
check "evaluate without gnuplot: the metrics are there" grep -q '^loss ' out
refused "show without graphviz" 1 "dot is not installed; its package is graphviz" \
    without show fashion.dl --graph g.svg
check "nothing was drawn" [ ! -e c.png -a ! -e g.svg -a ! -e c.png.part -a ! -e g.svg.part ]

# gnuplot that goes away, or fails, while a run goes on: a warning, and the run is finished.
mkdir "$work/failing"
printf '#!/bin/sh\n[ "$1" = --version ] || { echo "it does not like this" >&2; exit 3; }\n' >"$work/failing/gnuplot"
chmod +x "$work/failing/gnuplot"
PATH=$work/failing:$PATH "$dlc" train fashion.dl --interpret --epochs 1 --plot c.png \
    --weights finished.safetensors >out 2>err
check "a drawing that fails: exit code" [ $? = 0 ]
check "a drawing that fails: $(cat err)" says err 'gnuplot failed: it does not like this' 'goes on'
check "a drawing that fails: the weights are there" [ -s finished.safetensors ]
refused "no such folder" 1 "the picture cannot be written" train --plot nowhere/c.png
refused "no such kind" 2 "must be a file whose name ends with .png or .svg" train --plot curves.pdf
refused "no log" 1 "epoch" "$dlc" plot fruit.csv -o f.png
refused "no output" 2 "-o FILE.png" "$dlc" plot run.csv
refused "a reference without a time" 2 "keras=15788" "$dlc" bench fashion.dl --reference keras

# ---- a program of its own -------------------------------------------------------------------------

"$dlc" "$root/examples/linear/linear.dl" --main -o linear.c &&
    ${CC:-cc} -O0 -fopenmp -I"$root/runtime" -o linear linear.c "$build/libtrainer.a" \
        "$build/libruntime.a" -lz -llzma -lzstd -lm &&
    ./linear train --epochs 3 --quiet --plot linear.svg >out 2>err
check "a program draws too: $(cat err)" says linear.svg train_loss test_loss

report
