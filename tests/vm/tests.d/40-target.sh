# shellcheck shell=bash
# The mount option upcall_target (kernels with the fix for CVE-2025-2312).

c_target() { # c_target TARGET; the container's own ticket is labu2's
  private_tmp
  give 0 labu2 "$(default_ccache 0)"
  mount_share "upcall_target=$1"
  touch "$MNT/target_$1"
  unmount
}
# mount: the host's ticket is the right one, although the container has one too
test_target_mount() {
  need_upcall_target mount
  give 0 labu1 "$(default_ccache 0)"
  in_container c_target mount
  expect_owner target_mount labu1
}
# app: the container's, whatever the host has
test_target_app() {
  need_upcall_target app
  give 0 labu1 "$(default_ccache 0)"
  in_container c_target app
  expect_owner target_app labu2
}
