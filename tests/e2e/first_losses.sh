#!/bin/sh
# The first 50 losses of examples/cifar10 against Keras's from the same weights and rows
# (tests/ref/cifar10.losses).      tests/e2e/first_losses.sh FIRST_LOSSES
# The first 12 must agree within 1e-3. After that the difference of one place chosen by a
# maximum (two outputs that differ by rounding) has grown, by a factor of 1.6 a step under
# Adam, beyond it; Keras itself, with and without oneDNN, differs by 0.014 within 50 steps.
# So the rest must agree within 0.05.
# Needs the data: DLC_DATA names the folder; without it there is nothing to compare.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${DLC_DATA:-}
if [ -z "$data" ] || ! ls "$data"/cifar10/cifar10_train* >/dev/null 2>&1; then
    echo "0 passed, 0 failed (no CIFAR-10 in DLC_DATA)"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$root/examples/cifar10/cifar10.dl" "$data/cifar10" 50 > "$work/ours" || {
    echo "0 passed, 1 failed"
    exit 1
}
paste "$work/ours" "$root/tests/ref/cifar10.losses" | awk '
    { d = $1 > $2 ? $1 - $2 : $2 - $1
      if (NF == 2 && d <= (NR <= 12 ? 1e-3 : 0.05)) passed++
      else { failed++; printf "step %d: %s, and Keras has %s\n", NR, $1, $2 } }
    END { printf "%d passed, %d failed\n", passed, failed + (NR != 50); exit failed > 0 || NR != 50 }'
