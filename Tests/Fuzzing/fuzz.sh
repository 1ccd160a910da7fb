#!/bin/bash
# Runs harnesses of thuong-fuzz one after the other, each over its corpus and over what earlier runs found.
#
#   Tests/Fuzzing/fuzz.sh BUILD SECONDS HARNESS…
#
# BUILD is the build folder; finds stay there: BUILD/corpus is input of new coverage, BUILD/findings what broke a promise.
set -u

build=$1 seconds=$2
shift 2
program=$build/release/thuong-fuzz
corpus=$(dirname "$0")/Corpus
# Swift's own report of a crash would keep libFuzzer from saving the input.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=quarantine_size_mb=16
failed=0

for harness in "$@"; do
  finds=$build/corpus/$harness findings=$build/findings/$harness log=$build/findings/$harness.log
  mkdir -p "$finds" "$findings"
  if "$program" "$harness" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=768 -malloc_limit_mb=128 -print_final_stats=1 \
    -artifact_prefix="$findings/" "$finds" "$corpus/$harness" >"$log" 2>&1; then
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    coverage=$(grep -o 'cov: [0-9]* ft: [0-9]* corp: [0-9]*' "$log" | tail -n 1)
    echo "$harness: $executions executions, $coverage, $memory MB at most"
  else
    failed=1
    grep -aE '^thuong-fuzz:|^==[0-9]+== ?ERROR|^SUMMARY' "$log" | cut -c 1-1000 >&2
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    echo "$harness: FAILED, see $log; this repeats it:" >&2
    echo "  SWIFT_BACKTRACE=$SWIFT_BACKTRACE $program $harness $input" >&2
  fi
done
exit $failed
