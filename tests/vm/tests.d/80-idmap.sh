# shellcheck shell=bash
# Owners as the client shows them (cifs.idmap).

test_idmap() {
  local uid
  forget_keys cifs_idmap
  mount_share cruid=$U1,cifsacl
  touch $MNT/idmap
  uid=$(stat -c %u $MNT/idmap)
  [ "$uid" = "$(server_uid $U1)" ] || fail "the owner is shown as uid $uid, not $(server_uid $U1)"
  chown "$(server_uid $U2)" $MNT/idmap 2>/dev/null # asks for the SID of an id
  [ "$(upcalls idmap)" -ge 3 ] || fail "$(upcalls idmap) idmap upcalls"
}
