#!/bin/sh
# The same bits on other machines and compilers: one result wherever there is a fused
# multiply-add (AVX-512, AVX2, NEON in an emulator, plain C), one wherever there is none.
#     tests/e2e/platforms.sh DLC [MODEL.dl...]
# Compilers and emulators that are not there are passed over, with a line that says so.
set -u
dlc=$1
shift
here=$(dirname "$0")
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

have() {
    command -v "$1" > /dev/null && return 0
    echo "passed over: $1 is not installed"
    return 1
}

# The option for threads, where the compiler has its library: without, the bits are the same.
openmp_of() {
    echo 'int main(void) { return 0; }' > "$work/probe.c"
    openmp=-fopenmp
    $1 -fopenmp -o "$work/probe" "$work/probe.c" 2> /dev/null && return
    echo "without threads: $1 has no OpenMP library"
    openmp=
}

# $1: fused or not; $2: how to run; the rest: how to compile
compare() {
    kind=$1 run=$2
    shift 2
    out=failed
    "$@" -std=c11 $openmp -DTABLE="${name}_model" -I"$here/../../runtime" -o "$work/steps" \
        "$here/steps.c" "$work/$name.c" -lm && out=$($run "$work/steps" 2 "${STEPS:-20}")
    eval "want=\$want_$kind"
    [ -n "$want" ] || want=$out
    eval "want_$kind=\$want"
    if [ "$out" = "$want" ] && [ "$out" != failed ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$name: $*: $out, not $want" >&2; fi
}

for model in "$@"; do
    name=$(basename "$model" .dl) want_fused='' want_split=''
    "$dlc" "$model" --standalone -o "$work/$name.c" || exit 2
    for cc in gcc clang gcc-13 clang-19; do
        have $cc || continue
        openmp_of $cc
        case $(uname -m) in
        x86_64)
            if grep -qw avx512f /proc/cpuinfo; then compare fused "" $cc -O2 -march=x86-64-v4; fi
            if grep -qw fma /proc/cpuinfo; then
                compare fused "" $cc -O2 -march=x86-64-v3
                compare fused "" $cc -O3 -march=x86-64-v3 -DDLC_PLAIN
            fi
            compare split "" $cc -O2 -march=x86-64
            compare split "" $cc -O3 -march=x86-64 -DDLC_PLAIN
            ;;
        *) compare fused "" $cc -O2 -march=native ;;
        esac
    done
    openmp=-fopenmp
    if [ "$(uname -m)" != aarch64 ] && have aarch64-linux-gnu-gcc && have qemu-aarch64; then
        compare fused qemu-aarch64 aarch64-linux-gnu-gcc -O2 -static
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
