#!/bin/sh
# Data in many files and data larger than memory: images by class from a folder and from archives, a
# user's own image, runs with and without memory for their data, what a run that is killed leaves on
# the disk; and that programs with any reader link what they say.
#     tests/e2e/data.sh DLC BUILD_FOLDER
set -u
dlc=$(realpath "$1") build=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset DLC_DATA
mkdir temporary
export TMPDIR="$work/temporary"
. "$here/checks.sh"

# ---- images by class ----

${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -o make_squares "$here/squares.c" "$build/libtrainer.a" \
    "$build/libruntime.a" -lpng -lz -llzma -lzstd -lm && ./make_squares squares || exit 2
cat >squares.dl <<'END'
model squares {
    input  image: u8[batch, 12, 12, 3]
    target class: i32[batch]
    scores = image / 255 |> flatten |> dense(2)
    output p = softmax(scores)
    loss   cross_entropy(scores, class)
    metric accuracy(scores, class)
}
train squares {
    data      images("squares", test: 0.2)
    optimizer adam(rate: 0.01)
    batch     8
    epochs    12
}
END
"$dlc" train squares.dl --interpret --quiet --json --weights folder.w | tail -n 1 >result
check "squares are told apart: $(cat result)" grep -q '"accuracy": 1[,}]' result
cp squares/below/01.png mine.png
"$dlc" predict squares.dl --interpret --weights folder.w --input mine.png >predicted
check "a PNG of the user's: $(cat predicted)" grep -q below predicted
"$dlc" predict squares.dl --interpret --weights folder.w --input squares/above >predicted
check "a folder of them" [ "$(grep -c above predicted)" = 30 ]

mv squares kept
for pack in "cf squares.tar" "czf squares.tar.gz" "cJf squares.tar.xz"; do
    (cd kept && tar ${pack% *} "../${pack#* }" above below)
    "$dlc" train squares.dl --interpret --quiet --weights packed.w >out
    check "the same from ${pack#* }" cmp folder.w packed.w
    rm "${pack#* }"
done
(cd kept && tar cf - above below | head -c 20000) >squares.tar
"$dlc" train squares.dl --interpret --quiet --weights packed.w >out 2>err
check "an archive that is cut short: exit code" [ $? = 1 ]
check "an archive that is cut short: $(cat err)" grep -q "squares.tar: .*cut short" err
rm squares.tar
mv kept squares

# ---- no memory for data ----

"$dlc" train squares.dl --interpret --quiet --data-memory 1K --weights small.w >out
check "the same without memory for data" cmp folder.w small.w
"$dlc" train squares.dl --interpret --quiet --data-memory 1X --weights small.w >out 2>err
check "a wrong size is a wrong usage" [ $? = 2 ]

# A run that is killed while its data lie in files leaves none of them.
sed 's/epochs    12/epochs    1000000/' squares.dl >long.dl
"$dlc" train long.dl --interpret --data-memory 1K --log long.csv --weights long.w >out 2>err &
run=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ ! -f long.csv ] || [ "$(wc -l <long.csv)" -lt 2 ] || break
    sleep 0.25
done
check "its data lie in a file that has lost its name" \
    grep -q "$TMPDIR/.*deleted" "/proc/$run/maps"
kill -KILL $run
wait $run 2>/dev/null
check "nothing is left: $(ls temporary)" [ -z "$(ls temporary)" ]

# ---- what programs link ----

for reader in $(grep -o 'dl_reader_[a-z0-9_]*' "$root/runtime/trainer/all_readers.c"); do
    sed "s/images(\"squares\", test: 0.2)/${reader#dl_reader_}(\"x\")/" squares.dl >reader.dl
    "$dlc" reader.dl --main -o reader.c || break
    cat >reader.c.main <<END
#include "trainer/trainer.h"
extern const DlReader $reader;
int main(int argc, char **argv) {
    static const DlReader *const readers[] = {&$reader, NULL};
    static const DlConfig config = {.readers = readers};
    static const dl_model model;
    return dl_main(&model, &config, argc, argv);
}
END
    # shellcheck disable=SC2046
    check "${reader#dl_reader_}: links $(libraries reader.c)" ${CC:-cc} -std=c11 -I"$root/runtime" \
        -o reader -x c reader.c.main -x none "$build/libtrainer.a" "$build/libruntime.a" \
        $(libraries reader.c)
    [ $reader != dl_reader_linear ] ||
        check "what is made needs no more" [ "$(libraries reader.c)" = "-lz -llzma -lzstd -lpthread -lm" ]
done

report
