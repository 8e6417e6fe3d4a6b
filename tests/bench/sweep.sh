#!/bin/sh
# sweep.sh - builds and runs the sweep of contractions against OpenBLAS and oneDNN.
#
#     sweep.sh BUILD [ROUNDS [THREADS [NAME]]]      after `make B=BUILD`
#
# CC and SWEEP_FLAGS (default -march=native) choose how the emitted C is compiled. Appends to
# BUILD/sweep.csv; without cblas.h there is nothing to compare with, and it says so; without dnnl.h
# oneDNN is left out.
set -e
build=${1:?usage: sweep.sh BUILD [ROUNDS [THREADS [NAME]]]}
rounds=${2:-15} threads=${3:-"1 2"} name=${4:-} cc=${CC:-cc}
flags="-std=c11 -O3 -fopenmp -Iruntime -Itests/bench -I$build/sweep ${SWEEP_FLAGS:--march=native}"
archives="$build/libcompiler.a $build/libdsl.a $build/libtrainer.a $build/libruntime.a"

if ! echo '#include <cblas.h>' | $cc -E - >/dev/null 2>&1; then
    echo "sweep: no cblas.h (the package libopenblas-dev has it)"
    exit 0
fi
onednn=
if echo '#include <dnnl.h>' | $cc -E - >/dev/null 2>&1; then
    onednn="-DSWEEP_ONEDNN tests/bench/sweep_onednn.c -ldnnl"
else
    echo "sweep: no dnnl.h (the package libdnnl-dev has it)"
fi
mkdir -p "$build/sweep"
rm -f "$build"/sweep/shape*
$cc -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -Idsl -I"$build/dsl" -o "$build/sweep/make" \
    tests/bench/sweep_make.c $archives -lz -llzma -lzstd -larchive -lpng -ljpeg -lsndfile -lkissfft-float -lcjson \
    -ldl -lpthread -lm
"$build/sweep/make" "$build/sweep"

count=$(ls "$build"/sweep/shape*.c | wc -l)
{
    i=0
    while [ $i -lt "$count" ]; do echo "extern const SweepKernel sweep_kernel$i;"
        i=$((i + 1))
    done
    echo "static const SweepKernel *const sweep_kernels[] = {"
    i=0
    while [ $i -lt "$count" ]; do echo "    &sweep_kernel$i,"; i=$((i + 1)); done
    echo "};"
} >"$build/sweep/sweep_table.h"
ls "$build"/sweep/shape*.c | xargs -P 2 -n 1 sh -c "$cc $flags -c \$0 -o \${0%.c}.o"
$cc $flags -o "$build/sweep/sweep" tests/bench/sweep.c tests/bench/sweep_peak.c \
    "$build"/sweep/shape*.o $onednn -lopenblas -lm
rm -f "$build/sweep.csv"
for t in $threads; do "$build/sweep/sweep" "$build/sweep.csv" "$t" "$rounds" $name; done
