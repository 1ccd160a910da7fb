#!/bin/bash
# Puts one known bug after another into the sources, and asks the simulation's seeds whether they find it.
#
#   Tests/SimulationTests/planted-bugs.sh            all of them; NAME ... for some
#
# Commit nothing while it runs: the bugs stand in the sources of this very checkout. `make lint` finds one that was left there.
#
# SEEDS (200) is how many seeds may be tried. A bug that no seed finds is a failure of the simulation. Each takes a build.
set -euo pipefail
cd "$(dirname "$0")/../.."

bugs=Tests/SimulationTests/PlantedBugs
git diff --quiet -- Sources || { echo "planted-bugs: Sources has changes that are not committed; commit them first" >&2; exit 1; }
trap 'git checkout -q -- Sources' EXIT

names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd "$bugs" && printf '%s\n' *.patch | sed 's/\.patch$//')
failed=0
for name in "${names[@]}"; do
  git apply "$bugs/$name.patch"
  swift build -c release --build-tests >.build/planted-bugs.log 2>&1 || { tail -n 20 .build/planted-bugs.log >&2; exit 1; }
  log=.build/planted-$name.log
  if SEEDS=${SEEDS:-200} swift test -c release --disable-xctest --skip-build --filter SeedTests >"$log" 2>&1; then
    echo "$name: NOT FOUND by ${SEEDS:-200} seeds"
    failed=1
  else
    seed=$(grep -oE 'seed [0-9]+: ' "$log" | head -n 1 | tr -cd 0-9)
    echo "$name: found by seed ${seed:-?}: $(grep -oE 'seed [0-9]+: .*' "$log" | head -n 1 | cut -d: -f2- | cut -c 2-160)"
    [ -n "$seed" ] || failed=1
  fi
  git checkout -q -- Sources
done
exit "$failed"
