#!/bin/sh
# The first 50 losses of examples/cifar10 against Keras's from the same weights and rows
# (tests/ref/cifar10.losses), within 1e-3.      tests/e2e/first_losses.sh FIRST_LOSSES
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
      if (NF == 2 && d <= 1e-3) passed++
      else { failed++; printf "step %d: %s, and Keras has %s\n", NR, $1, $2 } }
    END { printf "%d passed, %d failed\n", passed, failed + (NR != 50); exit failed > 0 || NR != 50 }'
