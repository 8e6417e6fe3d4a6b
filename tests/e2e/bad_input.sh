#!/bin/sh
# What can be wrong with what people give: each time the message says which file, which line or
# record, and what to do; the exit code is the documented one; and what was there before (weights,
# checkpoints, programs) is there as it was. Saving: disks that fill, folders that cannot be written,
# and kill -9 at any moment.
#     tests/e2e/bad_input.sh DLC
set -u
dlc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap '[ ! -d "$work/small" ] || umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
unset DLC_DATA
. "$here/checks.sh"

# refused CODE MESSAGE COMMAND...: a whole line of standard error, without "dlc COMMAND: error: ".
refused() {
    code=$1 message=$2
    shift 2
    "$@" >out 2>err
    status=$?
    check "$*: exit code $status, not $code" [ "$status" = "$code" ]
    sed 's/^dlc\( [a-z]*\)*: \(error: \)*//; s/^error: //' err >lines
    check "$*: not \"$message\" but: $(cat err)" grep -qxF -e "$message" lines
}

train() { "$dlc" train "$@" --interpret --quiet; }

# ---- the command line ----

refused 2 "there is no command 'trian', did you mean 'train'? (see dlc --help)" "$dlc" trian t.dl
refused 2 "there is no option '--epoch'; did you mean '--epochs'?" "$dlc" train t.dl --epoch 3
refused 2 "--standalone is an option of compile; not of train" "$dlc" train t.dl --standalone
refused 2 "--epochs is '0', and must be a number from 1 to 1000000000" "$dlc" train t.dl --epochs 0
refused 2 "--epochs needs a value: N" "$dlc" train t.dl --epochs
refused 2 "--batch=many: a number of rows from 1 to 16777216 was expected" "$dlc" show t.dl --batch=many
refused 2 "one model at a time: 'a.dl' and 'b.dl' were given" "$dlc" show a.dl b.dl
refused 2 "which model? Usage: dlc train model.dl" "$dlc" train
check "no command: how it is used, exit code 2" sh -c "'$dlc' 2>&1 | grep -q '^Exit codes'; '$dlc' 2>/dev/null; [ \$? = 2 ]"
for command in compile train evaluate predict gradients explain show bench check fmt plot; do
    check "help $command" sh -c \
        "'$dlc' help $command >help && grep -q '^Examples' help && '$dlc' $command --help | cmp - help"
done
for code in 0 1 2 70 130; do
    check "exit code $code is documented" sh -c "'$dlc' --help | grep -q '^  $code '"
done

# ---- programs ----

cat >t.dl <<'END'
model t {
    input  x: f32[batch, 2]
    target y: f32[batch]
    guess = x |> dense(1)
    output guess
    loss   mean_squared_error(guess, y)
}

train t {
    data      csv("t.csv", target: "y")
    optimizer sgd(rate: 0.01)
    batch     4
    epochs    2
}
END
printf 'a,b,y\n1,2,3\n2,3,4\n3,1,2\n0,1,2\n5,5,5\n' >t.csv
refused 1 "cannot open \`none.dl\`: no such file, or no right to read it" "$dlc" train none.dl
refused 1 "cannot read \`$work\`: is it a folder?" "$dlc" check "$work"
sed 's/dense(1)/dens(1)/' t.dl >typo.dl
refused 1 "typo.dl:4:18: error: unknown name \`dens\`; did you mean \`dense\`?" "$dlc" train typo.dl
sed -e 's/guess = x/guess=x/' -e 's/}$/} }/' t.dl >broken.dl
cp broken.dl before.dl
"$dlc" fmt broken.dl >out 2>err
check "fmt: a program with errors: exit code" [ $? = 1 ]
check "fmt: a program with errors stays" cmp broken.dl before.dl
sed 's/guess = x/guess=x/' t.dl >unformed.dl
"$dlc" fmt --check t.dl unformed.dl >out 2>err
check "fmt --check: exit code" [ $? = 1 ]
check "fmt --check: names what would change: $(cat out)" \
    [ "$(cat out)" = "unformed.dl: not in its form; dlc fmt unformed.dl" ]
check "fmt -: the same text" sh -c "'$dlc' fmt - <unformed.dl | cmp - t.dl"
check "fmt: in place" sh -c "'$dlc' fmt unformed.dl t.dl && cmp unformed.dl t.dl"

# ---- tables ----

table() { # CONTENT as printf takes it
    printf "$1" >r.csv
}
sed 's/t.csv/r.csv/' t.dl >r.dl
check "a good table" train t.dl
refused 1 "data csv: no file r.csv (or with .gz, .xz, .zst) is in any of" train r.dl
check "a missing file: what to do" grep -q "put them beside the model, or say where they are with --data DIR or DLC_DATA" err
sed 's/"y"/"z"/' t.dl >z.dl
refused 1 "./t.csv: has no column 'z'; its columns are a, b, y" train z.dl
sed 's/batch, 2/batch, 3/' t.dl >wide.dl
refused 1 "wide.dl:2: 'x' takes 3 numbers a row, and ./t.csv has 2 for it: a, b" train wide.dl
table 'a,b,y\n1,2,3\n2,3\n3,1,2\n'
refused 1 "./r.csv:3: has 2 fields, and the header 3; quote a field that holds the separator, or correct the record" train r.dl
table 'a,b,y\n1,2,3\n2,"3,4\n3,1,2\n'
refused 1 "./r.csv:3: a quoted field is not closed before the end of the file; close it, or say quotes: false if the quotes are part of the text" train r.dl
table 'a,b,y\n'
refused 1 "./r.csv: holds no records after its header" train r.dl
table ''
refused 1 "./r.csv: holds no records" train r.dl
table 'a,b,y\n1,\0002,3\n'
refused 1 "./r.csv:2: is not text: it holds a zero byte" train r.dl
printf 'a,b\n1,2\nx,3\n' >new.csv
refused 1 "new.csv:3: column 'a' holds 'x', and a number is needed; correct it, leave it empty where nothing is known, or list the column under categories" \
    "$dlc" predict t.dl --interpret --input new.csv
printf 'a,c\n1,2\n' >new.csv
refused 1 "new.csv: has no column 'b'; its columns are a, c" "$dlc" predict t.dl --interpret --input new.csv
refused 1 "none.csv: cannot be opened: No such file or directory" "$dlc" predict t.dl --interpret --input none.csv
gzip -c t.csv | head -c 30 >cut.csv.gz
sed 's/t.csv/cut.csv.gz/' t.dl >cut.dl
refused 1 "./cut.csv.gz: the gzip data are cut short after 30 bytes; fetch the file again" train cut.dl

# ---- images ----

cat >i.dl <<'END'
model i {
    input  image: u8[batch, 2, 2, 3]
    target label: i32[batch]
    scores = image / 255 |> flatten |> dense(2)
    output scores
    loss   cross_entropy(scores, label)
}

train i {
    data      images("pets")
    optimizer sgd(rate: 0.01)
}
END
printf '\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\002\000\000\000\002\010\002\000\000\000\375\324\232\163\000\000\000\026\111\104\101\124\170\234\143\070\041\047\307\365\213\213\201\221\211\371\377\377\377\000\034\174\005\026\004\027\154\376\000\000\000\000\111\105\116\104\256\102\140\202' >ok.png
refused 1 "data images: there is no folder or archive pets in any of" train i.dl
mkdir -p pets/cat pets/dog
refused 1 "./pets: holds no PNG or JPEG files" train i.dl
for i in 1 2 3 4 5 6; do cp ok.png pets/cat/$i.png && cp ok.png pets/dog/$i.png; done
check "good images" train i.dl --weights i.w
head -c 60 ok.png >pets/cat/2.png
refused 1 "./pets/cat/2.png: the PNG image is damaged: it is cut short" train i.dl
check "a damaged image: what to do" grep -qxF 'Repair or remove it, or say corrupt: "skip" to leave such files out.' err
sed 's/"pets"/"pets", corrupt: "skip"/' i.dl >skip.dl
check "or leave it out" train skip.dl
cp ok.png pets/cat/2.png && mkdir pets/cow
refused 1 "./pets/cow: this folder holds no .png, .jpg or .jpeg files; put some there, or remove it" train i.dl
cp ok.png pets/cow
refused 1 "./pets: cow/ok.png is a 'cow', and the classes that the weights know are cat, dog" \
    "$dlc" evaluate i.dl --interpret --weights i.w
head -c 60 ok.png >one.png
refused 1 "./one.png: the PNG image is damaged: it is cut short" \
    "$dlc" predict i.dl --interpret --weights i.w --input one.png

# ---- sound ----

cat >w.dl <<'END'
model w {
    input  frames: f32[batch, 20, 8]
    target label: i32[batch]
    scores = frames |> flatten |> dense(2)
    output scores
    loss   cross_entropy(scores, label)
}

train w {
    data      wav("said")
    optimizer sgd(rate: 0.01)
}
END
{
    printf 'RIFF\044\020\000\000WAVEfmt \020\000\000\000\001\000\001\000\100\037\000\000\200\076\000\000\002\000\020\000data\000\020\000\000'
    yes abcdefg | head -c 4096
} >ok.wav
mkdir -p said/yes said/no
for i in 1 2 3 4 5 6; do cp ok.wav said/yes/$i.wav && cp ok.wav said/no/$i.wav; done
check "good recordings" train w.dl
head -c 100 ok.wav >said/yes/2.wav
refused 1 "./said/yes/2.wav: is cut short: its header promises 4096 bytes of sound, and 56 follow; fetch or record it again" train w.dl
echo hello >said/yes/2.wav
refused 1 "./said/yes/2.wav: is no sound file that can be read (Format not recognised.); convert it to WAV" train w.dl

# ---- weights ----

cat >c.dl <<'END'
model c {
    input  symbols: i32[batch, 8]
    target after: i32[batch, 8]
    scores = symbols |> embedding(12, 4) |> dense(12)
    output scores
    loss   cross_entropy(scores, after)
}

train c {
    data      characters("c.txt")
    optimizer sgd(rate: 0.01)
    batch     4
    epochs    2
}
END
yes "abcdef gh" | head -n 9 >c.txt
check "a good text" train c.dl --checkpoint-every 1
yes "zyxwvu tsr" | head -n 9 >c.txt
refused 1 "./c.txt: the character 'z' (U+007A) did not occur in the text that the weights were trained on" \
    "$dlc" evaluate c.dl --interpret
refused 1 "c.checkpoint: the run that is resumed has 10 training rows, and now there are 11; a run goes on as it began, or begins anew without --resume" \
    train c.dl --resume
"$dlc" train c.dl --interpret --initial-weights c.safetensors --weights c.w >out 2>err
check "weights of another vocabulary, said: $(cat err)" \
    grep -q "^  its characters are others than those of these data: what it learnt of one is taken for what has the same index here" err
refused 1 "there are no weights: u.safetensors is not here; name a file with --weights, or make one with train" \
    sh -c "sed 's/model t/model u/; s/train t/train u/' t.dl >u.dl; '$dlc' evaluate u.dl --interpret"
echo "no weights" >bad.w
refused 1 "bad.w: cannot be read: the file is not a safetensors file, or it is damaged or cut short" \
    "$dlc" evaluate t.dl --interpret --weights bad.w
refused 1 "i.w: holds the weights of another model: 'dense.w' (t.dl:4) is not in it, or has another shape there; train this model, or use the model that wrote the file" \
    "$dlc" evaluate t.dl --interpret --weights i.w

# ---- folders that cannot be written ----

as_nobody=
[ "$(id -u)" != 0 ] || as_nobody="setpriv --reuid=65534 --clear-groups"
mkdir closed && sed 's/guess = x/guess=x/' t.dl >closed/t.dl && cp t.csv t.safetensors closed
chmod 755 . && chmod 777 "$work" && chmod 555 closed
cd closed || exit 1
elsewhere() { # CODE MESSAGE COMMAND...: as a user who may not write here; notes are kept above
    code=$1 message=$2
    shift 2
    $as_nobody "$@" >../out 2>../err
    status=$?
    cd ..
    check "$*: exit code $status, not $code" [ "$status" = "$code" ]
    sed 's/^dlc\( [a-z]*\)*: \(error: \)*//' err >lines
    check "$*: not \"$message\" but: $(cat err)" grep -qxF -e "$message" lines
    cd closed || exit 1
}
elsewhere 1 "t.h: error: cannot write: Permission denied" "$dlc" t.dl -o t.c
elsewhere 1 "t.dl: error: cannot write: Permission denied" "$dlc" fmt t.dl
elsewhere 1 "t.safetensors: the weights could not be written there: Permission denied; name another file with --weights" \
    "$dlc" train t.dl --interpret
elsewhere 1 "t.csv: the log cannot be written: Permission denied" \
    "$dlc" train t.dl --interpret --weights ../t.w --log t.csv
elsewhere 1 "y.npy: cannot be written: Permission denied" \
    "$dlc" predict t.dl --interpret --input t.csv -o y.npy
cd ..
check "nothing was left there" [ "$(ls closed | tr '\n' ' ')" = "t.csv t.dl t.safetensors " ]

# ---- disks that fill: files of 512 bytes and no more; where we may, a disk of 12 kB ----

sed 's/dense(1)/dense(300, tanh) |> dense(1)/' t.dl >large.dl
train large.dl --weights kept.w --checkpoint-every 1 >out 2>err
cp kept.w before.w && cp kept.w.checkpoint before.checkpoint
(ulimit -f 1; train large.dl --weights kept.w --checkpoint-every 1 --epochs 5) >out 2>err
check "a full disk: exit code" [ $? = 1 ]
check "a full disk: $(cat err)" grep -qxF \
    "dlc train: error: kept.w: cannot be written: File too large; what was there is as it was" err
check "a full disk: the weights" cmp kept.w before.w
check "a full disk: the checkpoint" cmp kept.w.checkpoint before.checkpoint
cp t.dl full.dl && sed 's/guess = x/guess=x/' large.dl >full.dl && cp full.dl before.dl
(ulimit -f 0; "$dlc" fmt full.dl; "$dlc" full.dl -o full.c) 2>&1 | cat >err
status=$(sh -c "ulimit -f 0; '$dlc' fmt full.dl" 2>/dev/null; echo $?)
check "a full disk: a program stays" cmp full.dl before.dl
check "a full disk: exit code" [ "$status" = 1 ]
check "a full disk: what cannot be written: $(cat err)" \
    [ "$(cat err)" = "full.dl: error: cannot write: File too large
full.h: error: cannot write: File too large" ]
check "a full disk: nothing is left behind" [ -z "$(find . -name '*.part' -o -name 'full.[ch]')" ]
mkdir small
if mount -t tmpfs -o size=12k tmpfs small 2>/dev/null; then
    train large.dl --weights small/w --epochs 1 >out 2>err
    cp small/w before.w
    train large.dl --weights small/w --epochs 2 --checkpoint-every 1 >out 2>err
    check "a small disk: exit code" [ $? = 1 ]
    check "a small disk: $(cat err)" grep -qxF \
        "dlc train: error: small/w: cannot be written: No space left on device; what was there is as it was" err
    check "a small disk: the weights" cmp small/w before.w
    check "a small disk: nothing else: $(ls small)" [ "$(ls small)" = w ]
    check "a small disk: where the weights are: $(cat err)" grep -q "^The trained weights are in " err
    rm -f "$(sed -n 's/^The trained weights are in \(.*\) instead[.]$/\1/p' err)"
fi

# ---- kill -9 at any moment: of weights and checkpoint there is always a whole one ----

cp kept.w before.w && rm kept.w.checkpoint
moment=0 resumed=0
while [ $moment -lt 12 ]; do
    "$dlc" train large.dl --interpret --quiet --weights kept.w --checkpoint-every 1 --epochs 1000000 \
        >/dev/null 2>&1 &
    sleep "0.$(printf '%02d' $((8 + moment * 3)))"
    kill -9 $!
    wait $! 2>/dev/null
    cmp -s kept.w before.w || { check "kill -9: the weights stay as they were" false; break; }
    if [ -e kept.w.checkpoint ]; then
        "$dlc" evaluate large.dl --interpret --weights kept.w.checkpoint >out 2>err ||
            { check "kill -9: the checkpoint is whole: $(cat err)" false; break; }
        resumed=$((resumed + 1))
    fi
    moment=$((moment + 1))
done
check "kill -9: at $moment moments, $resumed checkpoints" [ $moment = 12 ]
check "kill -9: there were checkpoints" [ $resumed -gt 0 ]

# ---- fmt writes where a link points, and keeps who may read it ----

echo 'model m { input x: f32[batch, 3]
output y = 2*x }' >real.dl
chmod 600 real.dl
ln -s real.dl link.dl
check "fmt: by a link" "$dlc" fmt link.dl
check "fmt: the link is one" [ -L link.dl ]
check "fmt: its file is formatted" "$dlc" fmt --check real.dl
check "fmt: its mode is as it was" [ "$(stat -c %a real.dl)" = 600 ]

report
