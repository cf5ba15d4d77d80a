#!/bin/sh
# Installs srs-proxy as a systemd service, or updates it: the executable, its units, the
# file of variables and the kernel settings. Needs root, no network, and may be run repeatedly.
#
#   scripts/install.sh [EXECUTABLE]         dist/srs-proxy by default
#   scripts/install.sh --uninstall          keeps /etc/srs-proxy
#   scripts/install.sh --uninstall --purge  removes that too
#
# With DESTDIR everything goes below that folder, and running services are left alone.
set -eu

destdir="${DESTDIR:-}"
program="$destdir/usr/local/bin/srs-proxy"
units="$destdir/etc/systemd/system"
folder="$destdir/etc/srs-proxy"
sysctl="$destdir/etc/sysctl.d/60-srs-proxy.conf"
here="$(unset CDPATH && cd "$(dirname "$0")" && pwd)"

fail() {
  echo "$*" >&2
  exit 1
}

# Whether systemd is running on the system that is installed to.
has_systemd() {
  [ -z "$destdir" ] && [ -d /run/systemd/system ]
}

# Checked first, so that nothing is left half done.
need_root() {
  [ -n "$destdir" ] || [ "$(id -u)" = 0 ] || fail "Cannot change this system: run $0 as root"
}

# FILE MODE TARGET: replaces a file atomically, so that a process running the old one is not disturbed.
put() {
  mkdir -p "$(dirname "$3")"
  cp "$1" "$3.new"
  chmod "$2" "$3.new"
  mv -f "$3.new" "$3"
  echo "Installed $3"
}

# If there is a checksum file for the executable, it must match.
check() {
  [ -f "$1.sha256" ] || return 0
  wanted="$(cut -d ' ' -f 1 "$1.sha256")"
  found="$(sha256sum "$1" | cut -d ' ' -f 1)"
  [ "$wanted" = "$found" ] || fail "Cannot install $1: its SHA-256 is $found, not $wanted"
}

write_variables() {
  mkdir -p "$folder"
  chmod 0755 "$folder"
  if [ -e "$folder/env" ]; then
    echo "Kept $folder/env"
    return 0
  fi
  # A file left by an interrupted run would keep its mode.
  rm -f "$folder/env.new"
  (
    umask 077
    cat > "$folder/env.new" << 'END'
# Variables of srs-proxy, one NAME=value per line; `srs-proxy --help` lists them all. After a change
# `systemctl reload srs-proxy` applies what can change, `systemctl restart srs-proxy` the rest.

# Origins show this token to register, as the last part of their heartbeat's URL.
#PROXY_REGISTER_TOKEN=
#PROXY_RTMP_SERVER=1935
#PROXY_HTTP_SERVER=8080
#PROXY_WEBRTC_CANDIDATE=203.0.113.7

# For several proxies.
#PROXY_LOAD_BALANCER_TYPE=redis
#PROXY_REDIS_URL=redis://127.0.0.1:6379/0
END
  )
  mv "$folder/env.new" "$folder/env"
  echo "Installed $folder/env"
}

# Installs the kernel settings, except those that are higher already: something else may need that.
write_settings() {
  raised="$(mktemp)"
  while IFS= read -r line; do
    name="${line%% = *}"
    case "$line" in
      '#'* | '') has=0 ;;
      *) has="$(cat "$destdir/proc/sys/$(echo "$name" | tr . /)" 2> /dev/null || echo 0)" ;;
    esac
    if [ "$has" -gt "${line##* = }" ] 2> /dev/null; then line="# Left as it is: $name = $has"; fi
    printf '%s\n' "$line"
  done < "$here/srs-proxy.sysctl.conf" > "$raised"
  put "$raised" 0644 "$sysctl"
  rm "$raised"
}

# Prints the next step.
say_next() {
  if systemctl --quiet is-active srs-proxy.service 'srs-proxy@*.service'; then
    echo "Next: systemctl restart srs-proxy, or each srs-proxy@NAME in turn, to run the new version"
  else
    echo "Next: edit /etc/srs-proxy/env, then: systemctl enable --now srs-proxy"
  fi
}

install_all() {
  executable="${1:-$here/../dist/srs-proxy}"
  need_root
  [ -f "$executable" ] || fail "Cannot install $executable: there is no such file"
  check "$executable"
  put "$executable" 0755 "$program"
  put "$here/srs-proxy.service" 0644 "$units/srs-proxy.service"
  put "$here/srs-proxy@.service" 0644 "$units/srs-proxy@.service"
  write_settings
  write_variables
  if [ -z "$destdir" ]; then
    sysctl -q -p "$sysctl" || echo "The kernel did not accept all of $sysctl"
  fi
  if has_systemd; then
    systemctl daemon-reload
    say_next
  fi
}

remove() {
  [ -e "$1" ] || return 0
  rm -rf "$1"
  echo "Removed $1"
}

uninstall() {
  need_root
  case "${1:-}" in
    '' | --purge) ;;
    *) fail "Cannot understand the argument $1: see the first lines of $0" ;;
  esac
  if has_systemd && [ -e "$units/srs-proxy.service" ]; then
    # The pattern matches running instances; disabling the template disables every instance.
    systemctl stop srs-proxy.service 'srs-proxy@*.service' || true
    systemctl disable --quiet srs-proxy.service srs-proxy@.service || true
  fi
  remove "$units/srs-proxy.service"
  remove "$units/srs-proxy@.service"
  remove "$sysctl"
  remove "$program"
  if [ "${1:-}" = --purge ]; then
    remove "$folder"
  elif [ -e "$folder" ]; then
    echo "Kept $folder"
  fi
  if has_systemd; then systemctl daemon-reload; fi
}

case "${1:-}" in
  --uninstall) uninstall "${2:-}" ;;
  -*) fail "Cannot understand the argument $1: see the first lines of $0" ;;
  *) install_all "$@" ;;
esac
