# control.sh - part of train.sh, whose functions and variables it uses: validation, early stopping,
# plateaus, weights that stop a run, checkpoints and resuming, weights of other models, the log.

# ---- a validation loss that is known: w of y = w x is 1 - 0.9^epoch, and 1/2 is validated ----

awk 'BEGIN { print "x,y"; for (i = 0; i < 8; i++) print (i % 2 ? "1,1" : "-1,-1") }' >one.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 8; i++) print (i % 2 ? "1,0.5" : "-1,-0.5") }' >half.csv
cat >rise.dl <<'END'
model rise {
    input  x: f32[batch]
    target y: f32[batch]
    param w: f32[] = zeros()
    line = w * x
    output line
    loss   mean((line - y) ** 2)
    metric closeness = mean(1 - (line - y) ** 2)
}

train rise {
    data       csv("one.csv", test: 0)
    validation csv("half.csv")
    optimizer  sgd(rate: 0.05)
    batch      8
    epochs     20
    stop_early patience: 3, restore_best_weights: true
}
END

# rise SETTING OPTION...: trains with that line instead of stop_early's.
rise() {
    sed "s/stop_early .*/$1/" rise.dl >changed.dl
    shift
    "$dlc" train changed.dl --interpret "$@"
}

# column NUMBER ROW FILE: of a log.
column() {
    awk -F , -v c="$1" -v r="$2" 'NR == r + 1 { print $c }' "$3"
}

"$dlc" train rise.dl --interpret --log rise.csv --weights rise.w >out 2>err
check "stops early: $(cat err)" [ "$(wc -l <rise.csv)" = 11 ]
check "stops early: says so" grep -q "^stopped after epoch 10: validation_loss was best in epoch 7, 0.000471026$" err
check "stops early: says which weights" grep -q "^the weights are those of epoch 7$" err
check "stops early: the loss is the best one: $(cat out)" grep -q "^loss 0.000471026  closeness 0.999529$" out
"$dlc" predict rise.dl --interpret --weights rise.w --input one.csv >out
check "stops early: w of epoch 7: $(cat out)" near "$(awk 'NR == 2 { print $3 }' out)" 0.5217031 1e-6
check "the log has a header" grep -q "^epoch,step,train_loss,validation_loss,validation_closeness,rate,samples_per_second,seconds,waiting_seconds$" rise.csv
check "the log has what was known" near "$(column 4 3 rise.csv)" 0.052441 1e-6

rise "stop_early monitor: validation_closeness, mode: max" --weights c.w >out 2>err
check "a greater value is better: $(cat err)" grep -q "^stopped after epoch 8: validation_closeness was best in epoch 7, 0.999529$" err
check "without restoring, the weights are the last: $(cat out)" grep -q "^loss 0.00483481 " out
rise "stop_early patience: 9, min_delta: 0.1" --weights c.w >out 2>err
check "a small change is none: $(cat err)" grep -q "^stopped after epoch 12: validation_loss was best in epoch 3, 0.052441$" err
refused "a metric's direction" 1 "Add mode: max, or mode: min" rise "stop_early monitor: validation_closeness"
refused "no such value" 1 "did you mean 'validation_closeness'?" \
    rise "stop_early monitor: validation_closenes, mode: max"
sed 's/half.csv/none.csv/' rise.dl >none.dl
refused "no such source" 1 "no file none.csv" "$dlc" train none.dl --interpret
sed '/validation/d' rise.dl >alone.dl
"$dlc" train alone.dl --interpret --weights c.w >out 2>err
check "without validation, the training loss is watched: $(cat err)" grep -q "^epoch 20/20  loss 0.01" err

# ---- a plateau: the loss is best in epoch 7, after 9 the rate is halved, after 11 again ----

rise "reduce_on_plateau patience: 2, factor: 0.5, min_delta: 0, min_rate: 0.02" --log p.csv --weights p.w >out 2>err
check "a plateau: $(cat err)" grep -q "^epoch 9: rate 0.05 -> 0.025$" err
check "a plateau: never below min_rate" grep -q "^epoch 11: rate 0.025 -> 0.02$" err
check "a plateau: once at min_rate, no more" [ "$(grep -c -e '->' err)" = 2 ]
check "a plateau: in the log" [ "$(column 6 9 p.csv) $(column 6 10 p.csv) $(column 6 12 p.csv)" = "0.05 0.025 0.02" ]
check "a plateau: the next step is half as long" near "$(column 4 10 p.csv)" 0.0174142 1e-5
rise "reduce_on_plateau patience: 1, cooldown: 3, factor: 0.5" --weights p.w >out 2>err
check "a plateau cools: $(grep -e '->' err | tr '\n' ' ')" [ "$(grep -e '->' err | sed 's/:.*//' | tr '\n' ' ')" = "epoch 8 epoch 11 epoch 14 epoch 17 epoch 20 " ]
refused "a number that is not there" 1 "the optimiser of rise has no number 'momentum'" \
    rise "reduce_on_plateau number: momentum"

# ---- gradients of several batches: the same line as by one batch with all their rows ----

sed 's/batch .*/batch 2/' rise.dl >two_rows.dl
sed 's/stop_early .*/accumulate 4/' two_rows.dl >parts.dl
"$dlc" train parts.dl --interpret --epochs 6 --log parts.csv --weights a.w >out 2>err
check "4 batches of 2 rows: $(cat err)" near "$(column 4 6 parts.csv)" "$(column 4 6 rise.csv)" 1e-6
check "4 batches of 2 rows are a step" [ "$(column 2 6 parts.csv)" = 6 ]
sed -e 's/batch 2/batch 3/' -e 's/accumulate 4/accumulate 2/' parts.dl >short.dl
"$dlc" train short.dl --interpret --epochs 5 --log short.csv --weights a.w >out 2>err
check "the last step of an epoch has what is left: $(cat err)" [ "$(column 2 5 short.csv)" = 10 ]
check "w is 1 - 0.9^step" near "$(column 4 3 short.csv)" 0.000988537 1e-7

# Running statistics move with each batch: after 200 of them, all alike, they are the batch's.
cat >moving.dl <<'END'
model moving {
    input  x: f32[batch]
    target y: f32[batch]
    z[n, i in 0..1] = 3 * x[n]
    line = z |> batch_norm(momentum: 0.9) |> dense(1)
    output line
    loss   mean_squared_error(line, y)
}

train moving {
    data       csv("one.csv", test: 0)
    optimizer  sgd(rate: 0)
    shuffle    false
    batch      4
    accumulate 2
    epochs     100
}
END
"$dlc" train moving.dl --interpret --quiet --weights a.w >out 2>err
sed -e '/accumulate/d' -e 's/batch      4/batch 8/' -e 's/epochs     100/epochs 200/' moving.dl >moved.dl
"$dlc" train moved.dl --interpret --quiet --weights b.w >whole.out 2>err
check "running statistics move while gradients are added up: $(cat err)" \
    near "$(cut -d ' ' -f 2 out)" "$(cut -d ' ' -f 2 whole.out)" 1e-6

# A rate that follows a schedule is the last step's.
sed -e 's/rate: 0.05/rate: exponential_decay(0.05, 1, 0.5)/' -e 's/stop_early .*//' rise.dl >slower.dl
"$dlc" train slower.dl --interpret --epochs 3 --log slower.csv --weights a.w >out 2>err
check "a scheduled rate in the log: $(cat err)" \
    [ "$(column 6 1 slower.csv) $(column 6 2 slower.csv) $(column 6 3 slower.csv)" = "0.05 0.025 0.0125" ]
check "a scheduled rate is shown" grep -q "rate 0.0125 " err

# ---- averages are what is validated, and the result ----

rise "average 0.5" --epochs 3 --log average.csv --weights a.w --checkpoint-every 3 >out 2>err
check "an average is validated: $(cat err)" near "$(column 4 2 average.csv)" 0.126025 1e-6
"$dlc" predict changed.dl --interpret --weights a.w --input one.csv >out
check "an average is the result" near "$(awk 'NR == 2 { print $3 }' out)" 0.208 1e-6
"$dlc" predict changed.dl --interpret --weights a.w.checkpoint --input one.csv >out
check "a checkpoint has what is averaged" near "$(awk 'NR == 2 { print $3 }' out)" 0.271 1e-6

# ---- a share of the rows: which ones depends on nothing but their number ----

awk 'BEGIN { print "x,y"; for (i = 0; i < 40; i++) print i / 40 "," i * i / 1600 }' >square.csv
sed -e 's/csv("one.csv", test: 0)/csv("square.csv", test: 0)/' -e 's/csv("half.csv")/0.25/' \
    -e 's/batch .*/batch 40/' rise.dl >share.dl
for seed in 1 2; do
    "$dlc" train share.dl --interpret --epochs 2 --seed $seed --threads $seed --log share$seed.csv --weights s.w >out 2>err
    check "a share: $(cat err)" grep -q "^rise: 30 training rows, 10 validation rows, 0 test rows, " err
done
check "a share: the same rows for every seed" near "$(column 4 1 share1.csv)" "$(column 4 1 share2.csv)" 1e-6
sed 's/0.25/0.25, last: true/' share.dl >last.dl
"$dlc" train last.dl --interpret --epochs 1 --log last.csv --weights s.w >out 2>err
check "a share: the last rows" [ "$(column 4 1 last.csv)" != "$(column 4 1 share1.csv)" ]
sed 's/0.25/0.99/' share.dl >none_left.dl
refused "a share that is too large" 1 "of 40 training rows none is left to train on" "$dlc" train none_left.dl --interpret

# ---- weights of rows by their classes: 6 of one, 2 of the other ----

awk 'BEGIN { print "x,label"; for (i = 0; i < 8; i++) print i "," (i % 4 == 0) }' >classes.csv
cat >balanced.dl <<'END'
model balanced {
    input  x: f32[batch]
    target label: i32[batch]
    target weight: f32[batch]
    param w: f32[] = zeros()
    output line = w * x
    loss   mean(weight * (w * x - 1) ** 2)
    metric of_class_1 = mean(if label == 1 then weight else 0)
    metric of_class_0 = mean(if label == 0 then weight else 0)
}

train balanced {
    data      csv("classes.csv", test: 0)
    optimizer sgd(rate: 0)
    class_weight weight, of: label
    batch     8
}
END
"$dlc" train balanced.dl --interpret --json --quiet >out 2>err
check "classes count alike: $(cat err)" [ "$(value of_class_1 out) $(value of_class_0 out)" = "0.5 0.5" ]
"$dlc" evaluate balanced.dl --interpret --json >evaluated 2>err
check "classes count alike in an evaluation: $(cat err)" sh -c "tail -n 1 out | cmp - evaluated"

# ---- a loss that is not finite leaves the weights that were there ----

"$dlc" train rise.dl --interpret --quiet --weights kept.w >/dev/null
cp kept.w before.w
refused "a loss that explodes" 1 "(step " rise "shuffle true" --set rate=1e18 --weights kept.w --epochs 40
check "a loss that explodes: what was there is said" grep -q "kept.w is as it was before this run" err
check "a loss that explodes: what was there is there" cmp kept.w before.w
refused "no such number" 1 "there is no number 'rat'; did you mean 'rate'? The numbers of rise are rate" \
    rise "shuffle true" --set rat=1
refused "no number" 1 "'fast' is not a number" rise "shuffle true" --set rate=fast
refused "no value" 2 "--set is 'rate', and must be a number's name and value, as in rate=0.01" \
    rise "shuffle true" --set rate

# ---- a run that is killed or interrupted goes on to the same bits ----

cat >again.dl <<'END'
// All that a run holds: slots, running statistics, dropout, an order of the rows, averages.
model again {
    input  x: f32[batch, 2]
    target y: u8[batch]
    score = x |> dense(64, activation: relu) |> batch_norm |> dropout(0.3) |> dense(1)
    output probability = sigmoid(score)
    loss   binary_cross_entropy(score, y)
    metric binary_accuracy(score, y)
}

train again {
    data       logistic(rows: 30000)
    validation 0.1
    optimizer  adam(rate: 0.01)
    average    0.99
    batch      16
    epochs     300
    accumulate 3
    stop_early patience: 299, restore_best_weights: true
    reduce_on_plateau patience: 1, factor: 0.7
}
END
"$dlc" again.dl --main -o again.c &&
    ${CC:-cc} -std=c11 -O3 -march=native -fopenmp -I"$root/runtime" -o again again.c \
        "$build/libtrainer.a" "$build/libruntime.a" -lz -llzma -lzstd -lpthread -lm
./again train --quiet --seed 7 --threads 2 --log whole.csv --weights whole.w >whole.out
untimed() { # a log without times
    sed 's/,[^,]*,[^,]*,[^,]*$//' "$1"
}
untimed whole.csv >whole.rows
for how in KILL INT TERM; do
    rm -f part.*
    env --default-signal=INT ./again train --quiet --seed 7 --threads 1 --checkpoint-every 2 --log part.csv \
        --weights part.w >/dev/null 2>err &
    sleep 0.4
    while [ ! -e part.w.checkpoint ]; do sleep 0.05; done
    kill -$how $!
    wait $! 2>/dev/null
    status=$?
    check "after $how: no weights" [ ! -e part.w ]
    case $how in
    KILL) check "after $how: exit code $status" [ $status = 137 ] ;;
    INT) check "after $how: exit code $status" [ $status = 130 ] ;;
    TERM) check "after $how: exit code $status" [ $status = 143 ] ;;
    esac
    [ $how = KILL ] || check "after $how: says how to go on: $(cat err)" \
        grep -q "^    ./again train --quiet --seed 7 --threads 1 --checkpoint-every 2 --log part.csv --weights part.w --resume$" err
    ./again train --quiet --seed 7 --threads 2 --log part.csv --weights part.w --resume >part.out 2>err
    check "after $how: the same weights: $(cat err)" cmp whole.w part.w
    check "after $how: the same result" cmp whole.out part.out
    untimed part.csv >part.rows
    check "after $how: the same log" cmp whole.rows part.rows
done
"$dlc" train again.dl --quiet --seed 7 --epochs 3 --checkpoint-every 1 --weights built.w >out 2>err
"$dlc" train again.dl --quiet --seed 7 --resume --weights built.w >out 2>err
check "more epochs: $(cat err)" cmp whole.w built.w
"$dlc" evaluate again.dl --weights built.w.checkpoint >out 2>err
check "a checkpoint holds weights: $(cat err)" [ -s out ]

rm -f other.*
"$dlc" train again.dl --interpret --quiet --epochs 1 --checkpoint-every 1 --weights other.safetensors >out 2>err
check "the checkpoint is named after the weights: $(cat err)" [ -e other.checkpoint ]
"$dlc" train again.dl --interpret --resume --epochs 1 --weights other.safetensors >out 2>err
check "nothing is left: $(cat err)" grep -q "^nothing is left to train; --epochs N, of more than 1, goes on$" err
refused "another seed" 1 "the run that is resumed has the seed 0, and --seed 1 is given" \
    "$dlc" train again.dl --interpret --resume --seed 1 --weights other.safetensors
refused "another batch" 1 "has 16 rows a batch, and now there are 32" \
    "$dlc" train again.dl --interpret --resume --batch 32 --weights other.safetensors
sed 's/rows: 30000/rows: 30000, seed: 1/' again.dl >data.dl
refused "other data" 1 "the training data are not those that the run began with" \
    "$dlc" train data.dl --interpret --resume --weights other.safetensors
sed 's/adam(rate: 0.01)/sgd(rate: 0.01)/' again.dl >sgd.dl
refused "another optimiser" 1 "the checkpoint of another model, or of other optimisers" \
    "$dlc" train sgd.dl --interpret --resume --weights other.safetensors
refused "no checkpoint" 1 "there is nothing to resume: none.checkpoint is not here" \
    "$dlc" train again.dl --interpret --resume --weights none.safetensors
cp whole.w weights.checkpoint
refused "weights alone" 1 "holds weights alone, and no run to resume" \
    "$dlc" train again.dl --interpret --resume --weights weights.safetensors
head -c 3000 other.checkpoint >cut.checkpoint
refused "a checkpoint cut short" 1 "cut.checkpoint: cannot be read" \
    "$dlc" train again.dl --interpret --resume --weights cut.safetensors
refused "a log of another kind" 2 "a file whose name ends with .csv or .jsonl" \
    "$dlc" train rise.dl --interpret --log run.txt
"$dlc" train rise.dl --interpret --quiet --log run.jsonl --weights c.w >/dev/null
check "a log in JSON" grep -q '^{"epoch": 10, "step": 10, "train_loss": 0.1500' run.jsonl

# ---- a disk that fills: what was there stays ----

cp whole.w full.w && cp whole.w full.w.checkpoint
(ulimit -f 1; ./again train --quiet --epochs 2 --checkpoint-every 1 --weights full.w) >out 2>err
status=$?
check "a full disk: exit code $status" [ $status = 1 ]
check "a full disk: the weights: $(cat err)" \
    grep -q "^again train: error: full.w: cannot be written: File too large; what was there is as it was$" err
check "a full disk: what was there is there" cmp full.w whole.w
check "a full disk: so is the checkpoint" cmp full.w.checkpoint whole.w
check "a full disk: nothing is left behind" sh -c '! ls *.part 2>/dev/null'
(ulimit -f 1; ./again train --epochs 2 --checkpoint-every 1 --weights full.w 2>&1) | cat >err
check "a full disk: training goes on without a checkpoint: $(cat err)" grep -q \
    "^again train: warning: full.w.checkpoint: the checkpoint cannot be written: File too large; training goes on$" err
mkdir closed && cp rise.dl one.csv half.csv closed && chmod 755 . closed && chmod 555 closed
as_nobody=
[ "$(id -u)" != 0 ] || as_nobody="setpriv --reuid=65534 --clear-groups"
(cd closed && $as_nobody "$dlc" train rise.dl --interpret) >out 2>err
check "a read-only folder is said before training: $(cat err)" grep -q \
    "^dlc train: error: rise.safetensors: the weights could not be written there: Permission denied; name another" err
long=$(printf '%0250d' 0)
mkdir elsewhere
TMPDIR=elsewhere "$dlc" train rise.dl --interpret --quiet --weights "$long" >out 2>err
status=$?
check "weights that cannot be written: exit code $status" [ $status = 1 ]
check "weights that cannot be written are kept: $(cat err)" \
    grep -q "^The trained weights are in elsewhere/rise.[0-9]*.safetensors instead.$" err
check "weights that cannot be written are good" "$dlc" evaluate rise.dl --interpret --weights elsewhere/rise.*
ln -s /dev/full full.csv
"$dlc" train rise.dl --interpret --log full.csv --weights c.w >out 2>err
check "a full disk: the log: $(cat err)" grep -q "full.csv: the log cannot be written: No space left on device" err

# ---- weights of another model ----

awk 'BEGIN { print "a,b,y"; for (i = 0; i < 60; i++) { a = sin(i); b = cos(3 * i); print a "," b "," (a + b > 0) } }' >two.csv
cat >first.dl <<'END'
model first {
    input  x: f32[batch, 2]
    target y: u8[batch]
    hidden = dense(8)
    features = tanh(x |> hidden)
    head = dense(2)
    output features
    loss   cross_entropy(features |> head, y)
}

train first {
    data      csv("two.csv")
    optimizer adam(rate: 0.01)
}
END
sed -e 's/first/second/' -e 's/dense(2)/dense(3)/' -e 's/head/top/' -e 's/output features/&\n    extra = dense(features, 3)/' \
    -e 's/features |> top/(features |> top) + extra/' first.dl >second.dl
"$dlc" train first.dl --interpret --quiet --weights first.w >/dev/null 2>err
check "a first model: $(cat err)" [ -e first.w ]
"$dlc" train second.dl --interpret --initial-weights first.w --freeze hidden --epochs 2 --weights second.w >out 2>err
check "its weights begin another: $(cat err)" grep -q "^initial weights from first.w: 2 of 6 tensors$" err
check "what it has not is said" grep -q "^  not in it: dense.w, dense.b, top.w, top.b$" err
check "what it alone has is said" grep -q "^  in it alone: head.w, head.b$" err
for name in first second; do
    "$dlc" predict $name.dl --interpret --weights $name.w --input two.csv >$name.features 2>err
done
check "frozen weights stay: $(cat err)" cmp first.features second.features
check "there are features" [ -s first.features ]
"$dlc" train second.dl --interpret --quiet --initial-weights first.w --epochs 2 --weights c.w >out 2>err
"$dlc" predict second.dl --interpret --weights c.w --input two.csv >second.features
check "others move" sh -c '! cmp -s first.features second.features'
refused "a pattern that is nowhere" 1 "--match hiden: no parameter of second has such a path" \
    "$dlc" train second.dl --interpret --initial-weights first.w --match hiden
"$dlc" train second.dl --interpret --initial-weights first.w --match "*.w" --weights c.w >out 2>err
check "weights by a pattern: $(cat err)" grep -q "^initial weights from first.w: 1 of 3 tensors$" err
sed 's/dense(8)/dense(9)/' second.dl >third.dl
refused "no weight fits" 1 "none of its tensors has the name and the shape of a parameter of second" \
    "$dlc" train third.dl --interpret --initial-weights first.w --match hidden.w
