#!/bin/sh
# What `make install` installs, used as people would: the project of examples/project, built by make,
# CMake and Meson from an installed tree; a change to an imported file has made anew exactly what
# depends on it. The manual page and completion know the commands that there are.
#     tests/e2e/install.sh BUILD_FOLDER
set -u
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/checks.sh"

pass() { passed=$((passed + 1)); }
fail() { # what, file to show
    echo "FAIL install: $1"
    [ $# -lt 2 ] || tail -n 15 "$2"
    failed=$((failed + 1))
}
make --no-print-directory -C "$root" B="$build" PREFIX=/usr DESTDIR="$work/stage" install \
    >"$work/log" 2>&1 || fail "DESTDIR" "$work/log"
make --no-print-directory -C "$root" B="$build" PREFIX="$work/tree" install >"$work/log" 2>&1 ||
    fail "PREFIX" "$work/log"
(cd "$work/stage/usr" && find . -type f | sort) >"$work/staged"
(cd "$work/tree" && find . -type f | sort) >"$work/installed"
check "other files with DESTDIR" cmp "$work/staged" "$work/installed"
check "DESTDIR in dlc.pc" grep -qx 'prefix=/usr' "$work/stage/usr/lib/pkgconfig/dlc.pc"

PATH="$work/tree/bin:$PATH" PKG_CONFIG_PATH="$work/tree/lib/pkgconfig" CMAKE_PREFIX_PATH="$work/tree"
export PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH
cd "$work" || exit 1

# Prints the time of change of the program and the generated C; another when either was made anew.
stamps() { stat -c '%n %y' "$@"; }

# $1 name, $2 the program, $3 the generated C, the rest: a command that builds.
project() {
    name=$1 program=$2 generated=$3
    shift 3
    check "$name does not build" "$@"
    "$program" >"$work/out" 2>&1
    grep -q ' 16 of 16 right$' "$work/out" && pass || fail "$name: another result" "$work/out"
    stamps "$program" "$generated" >before
    check "$name: the second build" "$@"
    stamps "$program" "$generated" >after
    check "$name builds without a reason" cmp before after
    sleep 1
    touch "$folder/layers/hidden.dl"
    check "$name: the build after a change" "$@"
    stamps "$program" "$generated" >after
    cmp -s before after && fail "$name: a change to an imported file changes nothing" || pass
    stamps "$generated" >before
    sleep 1
    touch "$folder/app.c"
    check "$name: the build after a change to app.c" "$@"
    stamps "$generated" >after
    check "$name: generates C anew for app.c" cmp before after
}

copy() { # folder: of a fresh copy
    folder="$work/$1"
    cp -r "$root/examples/project" "$folder"
}

copy make
project make make/app make/parity.c make -C make
if command -v cmake >/dev/null; then
    copy cmake
    check "CMake finds no dlc" cmake -S cmake -B cmake/build -G Ninja
    project CMake cmake/build/app cmake/build/dlc_app/parity.c cmake --build cmake/build
    copy cmake_make
    check "CMake finds no dlc" cmake -S cmake_make -B cmake_make/build -G "Unix Makefiles"
    project "CMake with make" cmake_make/build/app cmake_make/build/dlc_app/parity.c \
        cmake --build cmake_make/build
fi
if command -v meson >/dev/null; then
    copy meson
    check "Meson finds no dlc" meson setup meson/build meson
    project Meson meson/build/app meson/build/parity.c meson compile -C meson/build
fi

# A deleted import is a message of dlc, not of make.
sed -i 's#import "layers/hidden.dl"#layer hidden(x: f32[batch, n], units: int) { return x |> dense(units) |> tanh }#' \
    make/parity.dl
rm make/layers/hidden.dl
check "make stops at a deleted import" make -C make

for command in compile train evaluate predict gradients explain show bench check fmt plot; do
    grep -q "^  *$command \|^\.SH DLC $(echo $command | tr a-z A-Z)" tree/share/man/man1/dlc.1 && pass ||
        fail "the manual page lacks $command"
done
complete() { # words...: what is offered for the last
    bash -c '. tree/share/bash-completion/completions/dlc
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _dlc; printf "%s\n" "${COMPREPLY[@]}"' dlc "$@"
}
complete dlc tr | grep -qx train && pass || fail "completion offers no train for tr"
complete dlc train --ep | grep -qx -- --epochs && pass || fail "completion offers no --epochs"

report
