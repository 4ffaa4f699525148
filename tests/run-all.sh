#!/bin/sh
# Runs all checks and tests: run-all.sh FOLDER-OF-PYTEST PROCESSES
#
# Many tests wait most of their time, so that several processes do not crowd two processors. Those that may take
# as long as they take have what the others leave of the processors, from the beginning on; `alone` comes first,
# for it leaves most, to the linters above all. What fails beside others is run once more without any: a machine
# too busy for a start on time passes then, a fault fails again.
set -u
pytest=$1/pytest
processes=$2
folder=$(mktemp -d)
outcomes=$folder/outcomes

part() {
    name=$1
    shift
    "$pytest" tests --part="$name" "$@"
}

# Both the policy and the group's share are needed: the kernel shares processors out among sessions first.
with_what_is_left() {
    exec setsid chrt --idle 0 sh -c '(echo 19 >/proc/self/autogroup) 2>/dev/null; exec "$@"' sh "$@"
}

# in_a_hurry SESSION: its processes get their share again, where that is allowed
in_a_hurry() {
    (echo 0 >"/proc/$1/autogroup") 2>/dev/null
    session=$1
    for process in /proc/[0-9]*; do
        read -r stat 2>/dev/null <"$process/stat" || continue
        set -- ${stat##*) }
        [ "$4" = "$session" ] && chrt --all-tasks --other --pid 0 "${process#/proc/}" 2>/dev/null
    done
}

# once_more NAME CODE WORDS...: what failed, where CODE says that something did
once_more() {
    [ "$2" -eq 1 ] || return "$2"
    echo "Failed beside others; once more without any:"
    name=$1
    shift 2
    part "$name" --last-failed --last-failed-no-failures=none "$@"
}

# say BEGAN CODE WORDS: keep an outcome for the end
say() {
    took=$(($(date +%s) - $1))
    [ "$2" -eq 0 ] && word=passed || word=FAILED
    printf '%-7s %2d:%02d  %s\n' "$word" $((took / 60)) $((took % 60)) "$3" >>"$outcomes"
    [ "$2" -eq 0 ] || failed=1
}

# finish SESSION NAME: wait for what has what is left until now, and show what it said
finish() {
    in_a_hurry "$1"
    wait "$1"
    code=$?
    cat "$folder/$2"
    return $code
}

failed=0
began=$(date +%s)
with_what_is_left make --no-print-directory lint >"$folder/lint" 2>&1 &
lint=$!
with_what_is_left "$pytest" tests --part=patient --numprocesses=2 --timeout=600 \
    -o cache_dir=.pytest_cache/patient >"$folder/patient" 2>&1 &
patient=$!
trap 'for each in $lint $patient; do kill -s TERM -- "-$each"; done; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

part alone
say "$began" $? "alone: make benchmark, and what looks at the whole machine"

finish "$lint" lint
code=$?
lint=
say "$began" $code "meanwhile, with the processor time that was left: format, rules, types, layers"

later=$(date +%s)
part beside --numprocesses="$processes" || once_more beside $?
say "$later" $? "beside each other: flows, embedded clusters, workers, pages"

finish "$patient" patient
code=$?
patient=
[ "$code" -eq 0 ] || once_more patient $code -o cache_dir=.pytest_cache/patient
say "$began" $? "meanwhile: plain Python"

printf '\n'
cat "$outcomes"
exit $failed
