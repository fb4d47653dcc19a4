# shellcheck shell=bash disable=SC2034
# A podman of this run alone: storage and configuration in a scratch folder that goes away with the script. Sourced, after
# `set -u`, with ROOT set to the project's folder. Gives: say, cannot_run, SCRATCH, podman_here.
CACHE=${NSUPCALL_CACHE:-/var/cache/nsupcall}
export PATH=$PATH:/usr/sbin:/sbin

say() { echo "${0##*/}: $*" >&2; }
cannot_run() { # cannot_run REASON
  say "cannot run here: $*"
  [ "${NSUPCALL_NO_SKIP:-0}" = 1 ] && exit 1
  exit 77
}
need_packages() { # need_packages FILE...
  local package missing=()
  for package in $(sed 's/#.*//' "$@"); do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] ||
      dpkg-query -W -f '${db:Status-Abbrev} ${Provides}\n' | sed 's/([^)]*)//g; s/,/ /g' | grep -qE "^ii .* $package( |\$)" ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] || cannot_run "missing Debian packages: ${missing[*]}"
}

[ "$(id -u)" = 0 ] || cannot_run "must be root; try sudo"
SCRATCH=$(mktemp -d /var/tmp/nsupcall-k8s.XXXXXX) || cannot_run "no folder below /var/tmp"
# shellcheck disable=SC2317 # called by trap
remove_scratch() {
  local pid
  for pid in $(pgrep -f "conmon .*$SCRATCH/"); do
    # shellcheck disable=SC2046
    kill -KILL $(pgrep -P "$pid") "$pid" 2>/dev/null
  done
  awk -v at="$SCRATCH/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
  rm -rf "$SCRATCH"
}
trap remove_scratch EXIT
trap 'exit 130' INT TERM HUP
cat >"$SCRATCH/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
END
# Short names mean images of this machine: nothing is ever looked up elsewhere.
cat >"$SCRATCH/registries.conf" <<'END'
[aliases]
"debian" = "localhost/debian"
END
# What a build that is ended leaves in TMPDIR goes with the rest.
PODMAN_HERE=(env "TMPDIR=$SCRATCH" "CONTAINERS_CONF=$SCRATCH/containers.conf" "CONTAINERS_REGISTRIES_CONF=$SCRATCH/registries.conf"
  podman "--root=$SCRATCH/root" "--runroot=$SCRATCH/run" "--tmpdir=$SCRATCH/tmp")
podman_here() { "${PODMAN_HERE[@]}" "$@"; }
