#!/usr/bin/env bash
# Checks delivery.pml whole, and that SPIN finds each of the mistakes that can be put into it.
set -euo pipefail
cd "$(dirname "$0")"

for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        echo "docs/formal: not checked, $tool is missing; on Debian: apt-get install spin gcc libc6-dev" >&2
        # Where everything has to hold it may not be missing.
        [[ -z "${CI:-}" ]]
        exit
    fi
done

model=$PWD/delivery.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export model work

# check EXPECTED DEFINITION…: EXPECTED is "holds", or part of what SPIN has to object to.
check() {
    local expected=$1 found verdict=wrong
    shift
    cd "$(mktemp -d -p "$work")"
    if ! { spin -a "${@/#/-D}" "$model" && gcc -O2 -w -DNOFAIR -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c; } >log 2>&1; then
        cat log
        return 1
    fi
    # A search that is cut short, by depth or memory, says so and shows nothing.
    ./pan -a -m100000 >found
    if [[ $expected == holds ]]; then
        grep -q "errors: 0" found && ! grep -q "too small\|out of memory\|not completed" found && verdict=right
    elif grep -qF "$expected" found; then
        verdict=right
    fi
    if [[ $verdict == right ]]; then
        echo "$expected: $* ($(awk '/states, stored/ { print $1 }' found) states)"
    else
        echo "expected \"$expected\" of $*, and SPIN says:"
        cat found
        return 1
    fi
}
export -f check

xargs -P 2 -L 1 bash -c 'check "$@"' _ <<'RUNS'
holds TEXTS_0=2 TEXTS_1=1 FAULTS=1 ONE_ORDER
holds TEXTS_0=1 TEXTS_1=1 FAULTS=2
holds TEXTS_0=2 TEXTS_1=0 FAULTS=3
".opened&" ACKNOWLEDGE_FIRST
".held&" RECEIPT_FIRST
"(key>=left[" SEND_FIRST
"acceptance cycle (at" FORGET_AT_ACCEPTED
"acceptance cycle (at" NO_RESEND
"acceptance cycle (at" NO_SECOND_RECEIPT
"(shown[((c*2)+number)]==1)" NO_MESSAGE_IDS
"(number==0)||" NO_HOLDING
"acceptance cycle (at" NO_RESEALING
"acceptance cycle (at" NO_FURTHER_SESSION TEXTS_1=0
RUNS
