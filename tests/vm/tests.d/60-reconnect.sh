# shellcheck shell=bash
# A connection drops, and a kernel worker (kworker/…+cifsiod) asks for the token: its pid says nothing about whose
# session it is. The identity must stay what it was, or the request be refused; it must never become another's.

test_reconnect_host() {
  mount_share cruid=$U1
  reconnect
  touch $MNT/reconnect_host
  expect_owner reconnect_host labu1
  expect_upcalls 2
}

# --- one container that mounted by itself ---------------------------------------------------------

# container_reconnect USER OPTIONS FILE: a container with USER's ticket mounts, its connection drops, it writes FILE
container_reconnect() {
  start_container ctr
  enter ctr c_own_mount "$1" "$2" || exit 1
  reconnect
  enter ctr c_touch 0 "$3"
}
# c_own_mount USER OPTIONS
c_own_mount() {
  private_tmp
  give 0 "$1" "$(default_ccache 0)"
  mount_share "$2"
  touch "$MNT/before-$1"
}
c_touch() { as "$1" touch "$MNT/$2"; }

test_ctr_reconnect() {
  container_reconnect labu2 user=labu2 ctr_reconnect
  expect_owner ctr_reconnect labu2
  expect_upcalls 2 # a third one would mean that the worker's was useless
}
test_ctr_reconnect_decoy() {
  give 0 labu1 "$(default_ccache 0)"
  container_reconnect labu2 user=labu2 ctr_reconnect_decoy
  expect_owner ctr_reconnect_decoy labu2
}
# with upcall_target=mount the host's ticket was the right one, and stays it
test_target_mount_reconnect() {
  need_upcall_target mount
  give 0 labu2 "$(default_ccache 0)"
  container_reconnect labu1 upcall_target=mount,user=labu2 target_mount_reconnect
  expect_owner target_mount_reconnect labu2
}

# --- users of the host's multiuser mount ----------------------------------------------------------

# multiuser_reconnect UID INSIDE_UID FILE: container `user`, which sees the host's mount, uses it as INSIDE_UID, which
# is UID on the host; then the connection drops. The host holds another user's ticket for UID.
multiuser_reconnect() {
  give "$1" labu1 "$(default_ccache "$1")"
  enter user c_prepare_user "$2" labu2
  enter user c_touch "$2" "$3-before"
  expect_owner "$3-before" labu2
  drop_connections
  wait_for_workers 1 "creduid=0x$(printf %x "$1")"
  enter user c_touch "$2" "$3"
  expect_owner "$3" labu2
}
c_prepare_user() { # c_prepare_user UID USER
  private_tmp
  give "$1" "$2" "$(default_ccache "$1")"
}
test_multiuser_reconnect() {
  mount_share multiuser,cruid=$U1
  start_container user
  multiuser_reconnect $U2 $U2 multiuser_reconnect
}
test_userns_reconnect() {
  mount_share multiuser,cruid=$U1
  start_container user -U
  map_ids user '0 100000 65536'
  multiuser_reconnect 101000 1000 userns_reconnect
}

# --- two containers with the same uid -------------------------------------------------------------

# two_containers OPTIONS_1 OPTIONS_2: `one` mounts as labu1, `two` as labu2, the host has a third user's ticket.
# Sets PORT1 and PORT2, the local ports of their connections.
two_containers() {
  give 0 labc01 "$(default_ccache 0)"
  start_container one
  start_container two
  enter one c_own_mount labu1 "$1" || exit 1
  PORT1=$(client_ports)
  enter two c_own_mount labu2 "$2" || exit 1
  PORT2=$(client_ports | grep -vx "$PORT1")
  [ -n "$PORT2" ] || fail "both containers share one connection"
  expect_owner before-labu1 labu1
  expect_owner before-labu2 labu2
}
test_two_ctr_username() {
  two_containers nosharesock,username=labu1 nosharesock,username=labu2
  reconnect 1 "$PORT1"
  enter one c_touch 0 first-one
  enter two c_touch 0 first-two
  expect_owner first-one labu1
  expect_owner first-two labu2
  reconnect 1 "$(client_ports | grep -x "$PORT2")"
  enter one c_touch 0 second-one
  enter two c_touch 0 second-two
  expect_owner second-one labu1
  expect_owner second-two labu2
  reconnect 2
  enter one c_touch 0 both-one
  enter two c_touch 0 both-two
  expect_owner both-one labu1
  expect_owner both-two labu2
  expect_upcalls 6
}
# Their descriptions are the same: nobody can tell whose session the worker means. Refused, and the log says what helps.
# The containers' own processes then re-establish what is theirs.
test_two_ctr_ambiguous() {
  two_containers nosharesock nosharesock
  reconnect 1 "$PORT1"
  expect_workers_refused creduid=0x0
  expect_log 'username='
  drop_connections
  enter one c_touch 0 after-one
  enter two c_touch 0 after-two
  expect_owner after-one labu1
  expect_owner after-two labu2
}

# --- containers that are gone ---------------------------------------------------------------------

# The user's container is gone, the host's mount and the user's session on it are still there.
test_ctr_gone_user() {
  mount_share multiuser,cruid=$U1
  start_container user
  enter user c_prepare_user $U2 labu2
  give $U2 labu1 "$(default_ccache $U2)"
  enter user c_touch $U2 before
  expect_owner before labu2
  stop_container user
  drop_connections
  wait_for_workers 1 creduid=0x1b5a
  expect_workers_refused creduid=0x1b5a
  start_container user
  enter user c_prepare_user $U2 labu2
  enter user c_touch $U2 after
  expect_owner after labu2
}
# The container that mounted is gone; a process of the host keeps its mount alive. Another container lives on, with a
# mount of its own.
test_ctr_gone_mount() {
  two_containers nosharesock,username=labu1 nosharesock,username=labu2
  cd "/proc/$(container_pid one)/root$MNT" || fail "cannot enter the mount of container one"
  stop_container one
  drop_connections
  wait_for_workers 1 user=labu1
  wait_for_workers 1 user=labu2
  cd /
  expect_workers_refused user=labu1
  enter two c_touch 0 after-two
  expect_owner after-two labu2
}
# A container ends and is started again with another ticket: namespace inode numbers are used again.
test_ctr_restarted() {
  local before after
  give 0 labc01 "$(default_ccache 0)"
  start_container again
  before=$(readlink "/proc/$(container_pid again)/ns/mnt")
  enter again c_own_mount labu1 user=root
  enter again unmount
  stop_container again
  wait_for 20 unmounted
  start_container again
  after=$(readlink "/proc/$(container_pid again)/ns/mnt")
  echo "$before then $after"
  enter again c_own_mount labu2 user=root
  reconnect
  enter again c_touch 0 restarted
  expect_owner restarted labu2
  expect_upcalls 3
}
