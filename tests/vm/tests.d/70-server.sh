# shellcheck shell=bash
# Several servers, several channels, a server that restarts.

mount_dfs() { mount_share cruid=$U1 "//$SERVER/dfs"; }
asked_for() { grep -q "^rdescribe: cifs.spnego.*;host=$1;" "$(record_file)"; }

test_dns() {
  forget_keys dns_resolver
  mount_dfs
  ls $MNT/same/hello.txt || fail "cannot follow the link"
  [ "$(upcalls dns_resolver)" -gt 0 ] || fail "the kernel asked for no name"
}
test_dfs_two_servers() {
  mount_dfs
  touch $MNT/same/dfs-same $MNT/other/dfs-other
  expect_owner dfs-same labu1
  expect_owner dfs-other labu1 /srv/data2
  asked_for $SERVER2 || fail "no token was asked for $SERVER2"
}
# The link's first target does not answer.
test_dfs_failover() {
  mount_dfs
  touch $MNT/failover/dfs-failover
  expect_owner dfs-failover labu1 /srv/data2
}

has_connections() { [ "$(client_ports | wc -l)" -ge "$1" ]; }
expect_connections() {
  wait_for 30 has_connections "$1" && return
  grep -q ';host=;' "$(record_file)" && skip "this kernel asks for its extra channels without naming the host"
  fail "$(client_ports | wc -l) connections instead of $1"
}

test_multichannel() {
  mount_share multichannel,max_channels=3,cruid=$U1
  expect_connections 3
  touch $MNT/multichannel
  expect_owner multichannel labu1
}
test_multichannel_ctr_reconnect() {
  give 0 labu1 "$(default_ccache 0)"
  start_container ctr
  enter ctr c_mount multichannel,max_channels=3,user=labu2 || exit 1
  expect_connections 3
  reconnect
  enter ctr c_touch multichannel_after
  expect_owner multichannel_after labu2
}

# The host's mount and a container's, both under uid 0, when the file server restarts.
test_smb_restart() {
  give 0 labu1 "$(default_ccache 0)"
  start_container ctr
  mount_share nosharesock,username=labu1
  enter ctr c_mount nosharesock,username=labu2
  restart_smbd
  wait_for_workers 1 user=labu1
  wait_for_workers 1 user=labu2
  touch $MNT/restart-host
  enter ctr c_touch restart-ctr
  expect_owner restart-host labu1
  expect_owner restart-ctr labu2
}

c_mount() { # c_mount OPTIONS, with labu2's ticket
  private_tmp
  give 0 labu2 "$(default_ccache 0)"
  mount_share "$1"
}
c_touch() { touch "$MNT/$1"; }
