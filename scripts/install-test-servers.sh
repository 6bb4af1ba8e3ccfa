#!/usr/bin/env bash
# Installs the real servers and tools that the test suite talks to, where they are missing: Debian's inspircd, Ceph's
# object gateway, PostgreSQL, strace and faketime. Says nothing and changes nothing where all of them are there. Services that the
# packages would start are not started. Needs root or passwordless sudo; without either it names the one line to run.
set -euo pipefail

# On Debian some of these programs are where only root looks.
PATH="$PATH:/usr/sbin:/sbin"

# program=package
needed=(inspircd=inspircd strace=strace faketime=faketime)
# The object gateway is needed only where no other S3 server was named (see test/support/s3-server.ts).
if [[ -z "${TEST_S3_ENDPOINT:-}" && "${CHATLOG_TEST_S3:-rgw}" == rgw ]]; then
  needed+=(radosgw=radosgw ceph-mon=ceph-mon ceph-osd=ceph-osd ceph=ceph-common)
fi

missing_packages() {
  local entry
  # PostgreSQL's programs are in a directory of their version.
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
  for entry in "${needed[@]}"; do
    command -v "${entry%%=*}" >/dev/null || echo "${entry##*=}"
  done
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  exit 0
fi

by_hand="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "The tests need ${missing[*]}, and this is not a Debian system. Install what provides them, or run the tests on Debian." >&2
  exit 1
fi
if ((EUID == 0)); then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "The tests need packages that are not installed. As root, run:" >&2
  echo "  $by_hand" >&2
  exit 1
fi

echo "Installing what the tests talk to: ${missing[*]}"
# policy-rc.d answering 101 keeps package scripts from starting their services.
"${as_root[@]}" bash -s -- "${missing[@]}" <<'ROOT'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
log=$(mktemp)
apt() {
  apt-get --quiet=2 -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    exit 1
  }
}
apt update
apt install --yes --no-install-recommends "$@"
rm -f "$log"
ROOT

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} > 0)); then
  echo "Installed, and still missing: ${missing[*]}" >&2
  exit 1
fi
