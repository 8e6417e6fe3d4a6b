# checks.sh - what the scripts of this folder have in common: checks that are counted. A script reads
# it (.) when it has its folder $work, and ends with `report`.

passed=0 failed=0

# check WHAT COMMAND...: counts whether the command succeeds; shows what it printed when it does not.
check() {
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $what" >&2
        cat "$work/log" >&2
    fi
}

# refused WHAT CODE MESSAGE COMMAND...: the exit code, and the message on standard error.
refused() {
    what=$1 code=$2 message=$3
    shift 3
    "$@" >out 2>err
    status=$?
    check "$what: exit code $status" [ "$status" = "$code" ]
    check "$what: $(cat err)" grep -qF -e "$message" err
}

# What an emitted program links, as its first lines say.
libraries() {
    sed -n '/^ \*  *-l/ { s/^ \*  *//; p; q; }' "$1"
}

# The last line that tests/check reads, and the exit code.
report() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
