#!/bin/sh
# Installs what Thuong needs from Debian 12, and nothing when nothing is missing. Runs before any call of swift.
#
#   packaging/install-dependencies.sh            what the build and the demo need
#   packaging/install-dependencies.sh --tests    also what the tests need
#   packaging/install-dependencies.sh --peers    also the databases that the benchmarks run beside the store
#
# The demo, the tests and the benchmarks start private brokers and databases of their own, so installing one must not
# leave a system service behind: it is neither started nor enabled. One that was installed before is not touched.
set -eu

build_packages="ca-certificates git binutils libstdc++-12-dev libcurl4 libncurses6 libxml2 pkg-config zlib1g-dev
  libsqlite3-dev libssl-dev libmosquitto-dev libsimdjson-dev libzstd-dev mosquitto"
peer_packages="victoria-metrics influxdb"
services="mosquitto victoria-metrics influxdb"
test_packages="strace faketime iproute2 openssl python3-venv"
swift_needed="6.2"
policy=/usr/sbin/policy-rc.d

fail() {
  echo "install-dependencies: $*" >&2
  exit 1
}

missing_of() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
    [ "$status" = installed ] || echo "$package"
  done
}

# Debian starts a service on installation unless this file forbids it. Only these are forbidden: other services that
# apt may have to restart on the way are none of our business.
forbid_service_start() {
  if [ -e "$policy" ]; then
    return
  fi
  trap 'rm -f "$policy"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir -p "$(dirname "$policy")"
  printf '#!/bin/sh\ncase " $* " in *mosquitto* | *victoria-metrics* | *influxdb*) exit 101 ;; esac\nexit 0\n' >"$policy"
  chmod 755 "$policy"
}

# The package enables its service for the next start of the machine; this takes that back.
disable_service() {
  if [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet "$1.service"
  elif command -v update-rc.d >/dev/null; then
    update-rc.d "$1" disable
  fi
}

# Runs as root, in a process of its own when reached through sudo, so that its trap can undo what it did.
install_as_root() {
  new_services=
  for service in $services; do
    case " $* " in *" $service "*) new_services="$new_services $service" ;; esac
  done
  if [ -n "$new_services" ]; then
    forbid_service_start
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=120 update || fail "apt-get update failed: check the network and /etc/apt, then try again"
  apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" ||
    fail "apt-get could not install: $*"
  for service in $new_services; do
    disable_service "$service" >/dev/null 2>&1 ||
      fail "$service is installed but could not be disabled: run 'systemctl disable --now $service' as root"
  done
}

install_missing() {
  if [ "$(id -u)" = 0 ]; then
    echo "install-dependencies: installing $*"
    # A subshell, for its trap.
    (install_as_root "$@")
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    echo "install-dependencies: installing, with sudo, $*"
    sudo -- "$script" --as-root "$@" || exit 1
  else
    echo "install-dependencies: missing: $*" >&2
    fail "run this as root, then try again: $script$for_what"
  fi
}

check_swift() {
  command -v swift >/dev/null || fail "no swift on PATH: install Swift $swift_needed or later, see https://www.swift.org/install"
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] || fail "'swift --version' gave no version: is $(command -v swift) a working toolchain?"
  [ "${version%.*}" -gt "${swift_needed%.*}" ] ||
    { [ "${version%.*}" -eq "${swift_needed%.*}" ] && [ "${version#*.}" -ge "${swift_needed#*.}" ]; } ||
    fail "Swift $version is too old: $swift_needed or later is needed"
}

script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
if [ "${1:-}" = --as-root ]; then
  shift
  install_as_root "$@"
  exit 0
fi

for_what=
packages=$build_packages
case "${1:-}" in
  "") ;;
  --tests)
    for_what=" --tests"
    packages="$build_packages $test_packages"
    ;;
  --peers)
    for_what=" --peers"
    packages="$build_packages $peer_packages"
    ;;
  *) fail "unknown argument '$1': --tests and --peers are known" ;;
esac

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || fail "apt and dpkg not found: Debian 12 is needed"
# shellcheck disable=SC2086 # A list of words on purpose.
missing=$(missing_of $packages)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086
  install_missing $missing
fi
check_swift
