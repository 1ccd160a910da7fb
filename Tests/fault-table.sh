#!/bin/bash
# Prints as Markdown which tests stand for each fault, and how they last went in `make test` and in `make soak`.
#
#   Tests/fault-table.sh            prints the table
#   Tests/fault-table.sh --write    also puts it between the two markers in README.md
#
# A test belongs to a row by its name: func `F3 A broker that ...`.
set -euo pipefail
cd "$(dirname "$0")/.."

# The row's number, the fault in short, and what is said while no test has that number.
rows='F1|kill -9 under load|none
F2|power loss|none
F3|the broker restarts cleanly|none
F4|the broker is killed|none
F5|the network to the broker is cut|none
F6|the IOC is down for half an hour|none
F7|the IOC answers 500, 429, 410, 400|none
F8|the IOC hangs, or sends a byte a second|none
F9|the IOC answers after the connection broke|none
F10|the disk is full|none
F11|the file system is read-only, fsync fails|none
F12|a damaged page, a truncated or flipped log|none
F13|the clock of the machine is wrong by a year or an hour|none
F14|device clocks are wrong, readings late or shuffled|none
F15|a storm of duplicates|none
F16|bad input of every kind|none
F17|a million unknown devices or topics|none
F18|ten times the load|none
F19|SIGTERM at any time|none
F20|two instances on one data directory|none
F21|a broken rule or device file on reload|to come, with reloading
F22|no more descriptors, little memory|none
F23|a stuck reader of the store|none
F24|a crash during recovery, a full disk while draining|none
F25|an input that crashes the process|none'

# "name<TAB>result" of every test with a row's number in a log.
results() {
  [ -f "$1" ] || return 0
  sed 's/\x1b\[[0-9;]*m//g' "$1" | sed -nE \
    -e 's/^[^ ]+ Test "(F[0-9]+ .*)" (with [0-9]+ test cases )?passed after .* with [0-9]+ known issues?\.$/\1\tpassed, with a known issue/p' -e t \
    -e 's/^[^ ]+ Test "(F[0-9]+ .*)" (with [0-9]+ test cases )?passed after .*/\1\tpassed/p' \
    -e 's/^[^ ]+ Test "(F[0-9]+ .*)" (with [0-9]+ test cases )?failed after .*/\1\t**failed**/p' \
    -e 's/^[^ ]+ Test "(F[0-9]+ .*)" skipped: "(.*)"$/\1\tnot run: \2/p' \
    -e 's/^[^ ]+ Test "(F[0-9]+ .*)" skipped\.?$/\1\tnot run/p'
}

day() { if [ -f "$1" ]; then date -r "$1" +%F; fi; }

table() {
  awk -F '\t' -v rows="$rows" -v tested="$(day .build/test.log)" -v soaked="$(day .build/soak.log)" '
    FILENAME == ARGV[1] { names[++count] = $0; next }
    FILENAME == ARGV[2] { short[$1] = $2; next }
    { long[$1] = $2 }
    function dated(result, day) { return result ~ /^not run/ ? result : result ", " day }
    END {
      print "| row | fault | test | last result |"
      print "|---|---|---|---|"
      lines = split(rows, row, "\n")
      for (i = 1; i <= lines; i++) {
        split(row[i], field, "|")
        found = 0
        for (n = 1; n <= count; n++) {
          if (index(names[n], field[1] " ") != 1) continue
          result = names[n] in short ? dated(short[names[n]], tested) : "not run yet"
          if (names[n] in long && long[names[n]] !~ /^not run/) result = result "; long form " dated(long[names[n]], soaked)
          print "| " (found++ ? "" : field[1]) " | " (found > 1 ? "" : field[2]) " | " substr(names[n], length(field[1]) + 2) " | " result " |"
        }
        if (!found) print "| " field[1] " | " field[2] " | " field[3] " | |"
      }
    }' <(grep -rhoE 'func `F[0-9]+ [^`]+`' Tests --include='*.swift' | sed -E 's/^func `(.*)`$/\1/') \
    <(results .build/test.log) <(results .build/soak.log)
}

text=$(table)
echo "$text"
if [ "${1:-}" = --write ]; then
  TABLE=$text awk '
    /^<!-- \/faults -->$/ { within = 0 }
    !within { print }
    /^<!-- faults -->$/ { within = 1; found = 1; print ENVIRON["TABLE"] }
    END { if (!found) exit 1 }' README.md >.build/README.md ||
    { echo "fault-table: README.md has no line <!-- faults -->" >&2; exit 1; }
  cat .build/README.md >README.md
  rm .build/README.md
fi
