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

extra_channels() { grep -c 'Channel: [0-9]* ConnectionId' /proc/fs/cifs/DebugData; }
has_channels() { [ "$(client_ports | wc -l)" -ge "$1" ]; }
test_multichannel() {
  mount_share multichannel,max_channels=3,cruid=$U1
  wait_for 10 has_channels 3 || fail "$(client_ports | wc -l) connections instead of 3"
  touch $MNT/multichannel
  expect_owner multichannel labu1
}
test_multichannel_ctr_reconnect() {
  give 0 labu1 "$(default_ccache 0)"
  in_container c_channels
  expect_owner multichannel_after labu2
}
c_channels() {
  private_tmp
  give 0 labu2 "$(default_ccache 0)"
  mount_share multichannel,max_channels=3,user=labu2
  wait_for 10 has_channels 3 || fail "$(client_ports | wc -l) connections instead of 3"
  reconnect
  touch $MNT/multichannel_after
  unmount
}

# The host's mount and a container's, both under uid 0, when the file server restarts.
test_smb_restart() {
  give 0 labu1 "$(default_ccache 0)"
  mount_share nosharesock,username=labu1
  start_container ctr
  enter ctr c_mount_own
  restart_smbd
  wait_for_workers 1 user=labu1
  wait_for_workers 1 user=labu2
  touch $MNT/restart-host
  enter ctr c_touch_after
  expect_owner restart-host labu1
  expect_owner restart-ctr labu2
}
c_mount_own() {
  private_tmp
  give 0 labu2 "$(default_ccache 0)"
  umount $MNT # the host's, of which this is a copy
  mount_share nosharesock,username=labu2
}
c_touch_after() { touch $MNT/restart-ctr; }
