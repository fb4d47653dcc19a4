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
