# shellcheck shell=bash
# Without a session record the mount tables of the living mount namespaces say whose session it is, or that nothing
# can be known. The host holds a ticket of another user.

c_touch() { as "$1" touch "$MNT/$2"; }
c_prepare_user() { # c_prepare_user UID USER
  private_tmp
  give "$1" "$2" "$(default_ccache "$1")"
}

# Only the host holds the mount.
test_tables_host() {
  mount_share cruid=$U1
  rm -rf /run/nsupcall
  reconnect
  touch $MNT/tables_host
  expect_owner tables_host labu1
  expect_log 'namespaces of the host \(mount table\)'
}
# A multiuser mount that the host and a container hold: either of them may have made the user's session.
test_tables_shared() {
  mount_share multiuser,cruid=$U1
  start_container user
  enter user c_prepare_user $U2 labu2
  give $U2 labu1 "$(default_ccache $U2)"
  enter user c_touch $U2 before
  expect_owner before labu2
  rm -rf /run/nsupcall
  drop_connections
  wait_for_workers 1 creduid=0x1b5a
  expect_workers_refused creduid=0x1b5a
  expect_log 'mount namespaces hold the mount'
  enter user c_touch $U2 after
  expect_owner after labu2
}
need_mount_census() {
  printf '%s\n' 6.12 "$(uname -r)" | sort -CV || skip "the kernel lists no mounts of a namespace before Linux 6.12"
}
# A container has a copy of the host's mounts, and another root folder: its own list shows no SMB mount. Either of the
# two may have made the session, whatever the container lets be seen.
looks_away() { [ -e "/proc/$1/root/nothing" ] && ! file_has "/proc/$1/mountinfo" '* cifs *'; }
test_tables_hidden() {
  local hider
  need_mount_census
  mount_share cruid=$U1
  mkdir -p /srv/away/nothing
  unshare --user --map-root-user --mount perl -e 'chroot "/srv/away" and chdir "/" and sleep 1000' &
  hider=$!
  echo "$hider $hider" >$CONTAINERS/hider
  wait_for 20 looks_away $hider || fail "the container sees the mount"
  rm -rf /run/nsupcall
  reconnect
  expect_workers_refused creduid=0x1b59
  expect_log 'hides SMB mounts'
  # With it goes its copy.
  kill -KILL $hider
  wait_for_workers 2 creduid=0x1b59
  touch $MNT/tables_hidden
  expect_owner tables_hidden labu1
}
# The same without any process: a descriptor keeps the namespace until one comes back.
test_tables_away() {
  local maker away
  need_mount_census
  mount_share cruid=$U1
  unshare --user --map-root-user --mount perl -e 'sleep 1000' &
  maker=$!
  echo "$maker $maker" >$CONTAINERS/away
  copied() { [ ! "/proc/$maker/ns/mnt" -ef /proc/self/ns/mnt ] && file_has "/proc/$maker/mountinfo" '* cifs *'; }
  wait_for 20 copied || fail "no copy of the mount"
  exec {away}<"/proc/$maker/ns/mnt"
  kill -KILL $maker
  wait $maker 2>/dev/null
  rm -rf /run/nsupcall
  reconnect
  expect_workers_refused creduid=0x1b59
  expect_log 'in which no process is'
  exec {away}<&-
  wait_for_workers 2 creduid=0x1b59
  touch $MNT/tables_away
  expect_owner tables_away labu1
}
