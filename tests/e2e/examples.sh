#!/bin/sh
# The examples: every command of their READMEs that is indented runs as it stands there, from a
# copy of the project's own files, and what is trained reaches the figure that its line names.
#     tests/e2e/examples.sh DLC BUILD_FOLDER NAME...
# Examples whose data do not ship need DLC_DATA, and are left out with a word when it is not set.
set -u
dlc=$(cd "$(dirname "$1")" && pwd)/dlc build=$(cd "$2" && pwd)
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# The indented commands of a README, continued lines joined. What a reader puts for DIR is DLC_DATA.
commands() {
    sed -n 's/^    //p' "$1" | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' \
        -e 's/--data DIR/--data "$DLC_DATA"/'
}

# $1 example, $2 name of a metric, $3 least, $4 most: looks at the last line of the training.
figure() {
    value=$(sed -n "s/^loss .*[^a-z_]$2 \([-0-9.e]*\).*/\1/p; s/^$2 \([-0-9.e]*\).*/\1/p" "$work/$1.log" | tail -n 1)
    if awk -v v="$value" -v a="$3" -v b="$4" 'BEGIN { exit !(v != "" && v >= a && v <= b) }'; then
        passed=$((passed + 1))
    else
        echo "$1: $2 is '$value', and should be from $3 to $4"
        tail -n 5 "$work/$1.log"
        failed=$((failed + 1))
    fi
}

# Sets DLC_DATA for an example whose data do not ship, as examples/fetch.sh would leave them where
# they are kept packed. False: they are not there.
find_data() {
    DLC_DATA=$kept
    case $1 in
        speech) folder=fsdd packed="$kept/fsdd/*.tar.xz" ;;
        movies) folder=movielens packed="$kept/movielens/*.csv.gz" ;;
        sentiment) folder=imdb packed= ;;
        cifar10 | steering | mnist) folder=$1 packed= ;;
        resnet20 | transfer) folder=cifar10 packed= ;;
        gpt_mini) folder=tinyshakespeare packed= ;;
        *) return 0 ;;
    esac
    [ -n "$kept" ] && [ -d "$kept/$folder" ] || return 1
    for file in $packed; do
        [ -f "$file" ] || continue
        DLC_DATA=$work/data
        mkdir -p "$DLC_DATA/$folder"
        case $file in
            *.tar.xz) tar -xJf "$file" -C "$DLC_DATA/$folder" ;;
            *) gzip -cd "$file" >"$DLC_DATA/$folder/$(basename "$file" .gz)" ;;
        esac
    done
}

kept=${DLC_DATA:-}
export DLC_DATA
cp -r "$root/examples" "$root/runtime" "$work"
ln -s "$build" "$work/build"
cd "$work" || exit 1
PATH=$(dirname "$dlc"):$PATH
export PATH
for name in "$@"; do
    if ! find_data "$name"; then
        echo "$name: left out: its data do not ship (DLC_DATA says where they are)"
        continue
    fi
    commands "examples/$name/README.md" >"$name.commands"
    if ! sh -eu "$name.commands" >"$name.log" 2>&1; then
        echo "$name: a command of its README fails:"
        tail -n 10 "$name.log"
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + 1))
    case $name in
        linear) figure $name loss 0 0.02 ;;
        fashion) figure $name accuracy 0.78 0.86 ;;
        mnist) figure $name accuracy 0.97 0.985 ;;
        resnet20) figure $name accuracy 0.66 0.73 ;;
        transfer) figure $name accuracy 0.56 0.68 ;; # from scratch, the last of the three runs
        gpt_mini) figure $name loss 1.7 1.9 ;;
        logistic) figure $name loss 0 0.4 ;;
        breast_cancer) figure $name binary_accuracy 0.96 1; [ -s importance.png ] || failed=$((failed + 1)) ;;
        forecast) figure $name mean_absolute_error 0.2 0.45 ;;
        pinn) figure $name root_mean_squared_error 0 0.01 ;;
        autoencoder) figure $name root_mean_squared_error 0.08 0.13; [ -s pictures.png ] || failed=$((failed + 1)) ;;
        vae) figure $name loss 230 255; [ -s samples.png ] || failed=$((failed + 1)) ;;
        privacy)
            figure $name accuracy 0.72 0.85
            areas=$(sed -n 's/.* area under the curve of the attack //p' "$name.log" | tr '\n' ' ')
            # The attack succeeds less; and nothing is planned that is as large as rows times weights.
            if echo "$areas" | awk '{ exit !(NF == 2 && $1 < 0.55 && $2 > 0.57) }' &&
                ! dlc show examples/privacy/privacy.dl | grep -q 'f32\[batch, 784, 128\]'; then
                passed=$((passed + 1))
            else
                echo "privacy: the attacks' areas are $areas, or gradients of rows are stored"
                failed=$((failed + 1))
            fi ;;
        speech)
            figure $name accuracy 0.985 1
            [ -s heard.png ] && grep -q '7_jackson_0.wav: 7$' "$name.log" || failed=$((failed + 1)) ;;
        movies)
            figure $name root_mean_squared_error 0.8 0.85
            [ -s map.png ] && [ "$(grep -c '^  [0-9.]*  .* ([0-9]*)  (.*)$' "$name.log")" = 10 ] ||
                failed=$((failed + 1)) ;;
        sentiment)
            figure $name binary_accuracy 0.89 0.92
            [ -s review.svg ] && grep -q '^against:  waste ' "$name.log" &&
                grep -q '^+[0-9.]*  wonderful$' "$name.log" || failed=$((failed + 1)) ;;
        steering)
            figure $name mean_absolute_error 0.09 0.125
            [ -s strip.png ] && grep -q '^frame.png: [-+]0[.][0-9]*$' "$name.log" ||
                failed=$((failed + 1)) ;;
        cifar10) # the better of the two models
            figure $name accuracy 0.65 0.72
            [ -s grid.png ] && grep -q '^image.png: [a-z]* [0-9.]* %, ' "$name.log" ||
                failed=$((failed + 1)) ;;
        seq2seq) figure $name exact_match 0.95 1 ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
