# shellcheck shell=bash
# User namespaces: rootless containers, Docker's userns-remap, Kubernetes' hostUsers: false, Podman's keep-id.

# Rootless: made by the user, one id mapped (inside 0 = outside U2).
rootless() { as $U2 unshare -U -r -m -p -f --mount-proc bash $SUITE/guest/ctr "$@"; }
test_userns_default() {
  mount_share multiuser,cruid=$U1
  rootless c_rootless /tmp/krb5cc_0 touch $MNT/userns_default
  expect_owner userns_default labu2
}
test_userns_env() {
  mount_share multiuser,cruid=$U1
  rootless c_rootless /tmp/mine env KRB5CCNAME=FILE:/tmp/mine touch $MNT/userns_env
  expect_owner userns_env labu2
}
c_rootless() { # c_rootless CCACHE COMMAND...
  private_tmp
  give 0 labu2 "FILE:$1"
  "${@:2}"
}

# userns_range MAP INSIDE_UID FILE: a container with that id map, whose process INSIDE_UID uses a mount of the host
userns_range() {
  mount_share multiuser,cruid=$U1
  start_container ranged -U
  map_ids ranged "$1"
  enter ranged c_ranged "$2" "$3"
  expect_owner "$3" labu2
}
c_ranged() {
  private_tmp
  give "$1" labu2 "$(default_ccache "$1")"
  as "$1" touch "$MNT/$2"
}
test_userns_full() { userns_range '0 100000 65536' 1000 userns_full; }
# Kubernetes hands out ranges beyond 2^31: ids are unsigned.
test_userns_high() { userns_range '0 3392012288 65536' 1000 userns_high; }
# Many lines, as `podman --uidmap` writes them; the file's uid is in the last one.
test_userns_lines() { userns_range $'0 200000 1\n1 300000 999\n1000 400000 65536' 1001 userns_lines; }

# Rootless keep-id: a namespace in a namespace, in which the user has the id that it has outside.
test_userns_nested() {
  mount_share multiuser,cruid=$U1
  start_container outer -U
  map_ids outer $'0 '$U2$' 1\n1 300000 65536'
  enter outer c_outer
  expect_owner userns_nested labu2
}
c_outer() {
  start_container inner -U
  map_ids inner $'0 1 7002\n7002 0 1\n7003 7003 50000'
  enter inner c_ranged $U2 userns_nested
}

# What the host holds for the same number, or for the mapped one, is not the container's.
test_userns_decoy() {
  give 100000 labu1 "$(default_ccache 100000)"
  give 0 labu1 "$(default_ccache 0)"
  userns_range '0 100000 65536' 0 userns_decoy
}
