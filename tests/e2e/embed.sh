#!/bin/sh
# Models inside of other programs: tests/e2e/embed_*.c, each with what it is about on top; and the
# names that generated files export and ask for.
#     tests/e2e/embed.sh DLC [STEPS]       so many steps of the long run (default: 20000)
set -u
dlc=$1 steps=${2:-20000}
here=$(cd "$(dirname "$0")" && pwd) root=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

fail() { echo "FAIL embed: $*"; failed=$((failed + 1)); }

# Adds what a host counted; a host that ends otherwise is a failure.
run() {
    "$@" >"$work/out" 2>&1
    status=$?
    line=$(tail -n 1 "$work/out")
    case $line in
        *" passed, "*" failed")
            passed=$((passed + ${line%% passed*}))
            rest=${line##*passed, }
            failed=$((failed + ${rest%% failed*}))
            sed '$d' "$work/out" ;;
        *) fail "$* ended with $status: $line" ;;
    esac
}

flags="-std=c11 -O1 -march=native -fopenmp -I$root/runtime -I$work"
# A locale whose decimal point is a comma.
if localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1; then export LOCPATH="$work"; fi
number=0
for model in tests/e2e/tiny tests/e2e/tiny tests/e2e/line examples/project/parity \
    examples/toy_rnn/toy_rnn tests/programs/attention tests/programs/strided_convolution \
    tests/programs/nested_scans; do
    number=$((number + 1))
    name=$(echo one two three four five six seven eight | cut -d' ' -f$number)
    "$dlc" "$root/$model.dl" --prefix $name --standalone -o "$work/$name.c" || fail "$model"
    gcc $flags -fPIC -c -o "$work/$name.o" "$work/$name.c" || fail "$name.c"
    # What it exports begins with its prefix; what it asks for is of libc, libm, libgomp.
    nm -g --defined-only "$work/$name.o" | awk -v p="^${name}(_|\$)" '$3 !~ p { print $3 }' >"$work/names"
    [ -s "$work/names" ] && fail "$model exports $(tr '\n' ' ' <"$work/names")" || passed=$((passed + 1))
    nm -u "$work/$name.o" | awk '{ print $2 }' >>"$work/wanted"
done
allowed='^(GOMP_.*|omp_.*|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__errno_location|aligned_alloc|free'
allowed="$allowed|calloc|malloc|mem(chr|cmp|cpy|move|set)|str(chr|cmp|len|ncmp|rchr|tod|tol|toll|toull)"
allowed="$allowed|f?(open|close|read|write|seek|tell|flush|error|seeko|tello)|fputc|fileno|fsync|fdopen"
allowed="$allowed|snprintf|rename|remove|unlink|open|pread|getpid|mkstemp|stat|fstat|frexp|ldexp)\$"
sort -u "$work/wanted" | grep -vE "$allowed" >"$work/names" &&
    fail "generated files ask for $(tr '\n' ' ' <"$work/names")" || passed=$((passed + 1))

wrap=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=posix_memalign,--wrap=free
all=$(for n in one two three four five six seven eight; do echo "$work/$n.o"; done)
gcc $flags -Wall -Wextra -o "$work/threads" "$here/embed_threads.c" $all -lm -lpthread &&
    run "$work/threads" || fail "embed_threads.c"
gcc $flags -Wall -Wextra $wrap -o "$work/memory" "$here/embed_memory.c" "$work/one.o" "$work/three.o" -lm && run "$work/memory" "$work" "$steps" || fail "embed_memory.c"
gcc -shared -fopenmp -o "$work/one.so" "$work/one.o" -lm
gcc -std=c11 -O2 -Wall -Wextra -I"$root/runtime" -o "$work/loads" "$here/embed_loads.c" -ldl &&
    run "$work/loads" "$work/one.so" one_model 1000 || fail "embed_loads.c"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
