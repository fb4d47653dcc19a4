# shellcheck shell=bash
# Owners and groups on the way back to the server; whose map counts; names and passwords from inside containers.

AS_ADMIN="username=Administrator,password=Passw0rd.adm"
AS_LABU1="username=labu1,password=pw-labu1-1"

# mount_ntlm OPTIONS: mount_share would name sec=krb5 first, after which mount.cifs takes no password
mount_ntlm() {
  mkdir -p $MNT
  timeout 120 mount.cifs "//$SERVER/data" $MNT -o "sec=ntlmssp,domain=LAB,$1" 2>&1 || fail "mount failed: $1"
}

# sid_of NAME: its SID, as the server's winbind has it
sid_of() { wbinfo -n "LAB\\$1" | cut -d' ' -f1; }
# helper_of TYPE: the program that the installed rule runs for keys of that type
helper_of() { awk -v type="$1" '$2 == type { print $5; exit }' /run/vm/rules/plain/vm.conf; }
# extra_rule RULE: a rule that goes before the installed ones, until the test ends
extra_rule() {
  echo "$*" >>/etc/request-key.d/00-extra.conf
  trap 'rm -f /etc/request-key.d/00-extra.conf /etc/nsupcall.idmap; forget_keys cifs_idmap' EXIT
}

# Only an administrator may give files away, so the mount is one's.
test_idmap_chown_is_stored() {
  forget_keys cifs_idmap
  mount_ntlm "$AS_ADMIN,cifsacl"
  echo x >$MNT/given
  chown "$(server_uid $U2)" $MNT/given || fail "chown failed"
  expect_owner given labu2
}

test_idmap_map_file_both_ways() {
  local users
  users=S-1-5-32-545 # BUILTIN\Users, which every server knows
  printf 'user %s 7901\ngroup %s 7902\n' "$(sid_of labu1)" $users >/etc/nsupcall.idmap
  chmod 644 /etc/nsupcall.idmap
  trap 'rm -f /etc/nsupcall.idmap; forget_keys cifs_idmap' EXIT
  forget_keys cifs_idmap
  mount_ntlm "$AS_ADMIN,cifsacl,actimeo=0"
  echo x >$MNT/mapped
  chown 7901:7902 $MNT/mapped || fail "chown failed"
  expect_owner mapped labu1
  [ "$(stat -c %g /srv/data/mapped)" = "$(wbinfo -Y $users)" ] || fail "the server has group $(stat -c %g /srv/data/mapped)"
  forget_keys cifs_idmap
  [ "$(stat -c %u:%g $MNT/mapped)" = 7901:7902 ] || fail "shown as $(stat -c %u:%g $MNT/mapped)"
}

# A container's own map says who its users are, in its own ids; a claim to anything else is refused.
test_idmap_container_own_ids() {
  extra_rule "create cifs.idmap os:* * $(helper_of cifs.idmap)" \
    "--sources=container-map --container-map-file=/tmp/own.idmap --thread-keyring %T %k"
  mount_share cruid=$U1,cifsacl,actimeo=0
  touch $MNT/claimed
  chmod 644 $MNT/claimed 2>/dev/null
  forget_keys cifs_idmap
  start_container claims -U
  map_ids claims '0 100000 1000'
  enter claims c_own_map "$(sid_of labu1)" 5 claimed 5
  forget_keys cifs_idmap
  # behind the end of its range: it is the host's, or another container's
  enter claims c_own_map "$(sid_of labu1)" 1000 claimed 65534
  expect_log 'cifs.idmap.*refused with EACCES.*claims id 1000'
}
c_own_map() { # SID CLAIMED_ID FILE EXPECTED_UID
  local shown
  private_tmp
  echo "user $1 $2" >/tmp/own.idmap
  shown=$(stat -c %u "$MNT/$3") || fail "cannot look at $3"
  [ "$shown" = "$4" ] || fail "the owner is shown as $shown, not as $4"
}

# The hosts file of the container that follows the link answers, and is not the host's answer afterwards.
test_dns_container() {
  local before
  mount_share cruid=$U1 "//$SERVER/dfs"
  forget_keys dns_resolver # the mount itself has asked, for the host
  start_container names
  enter names c_follow_link || fail "the container cannot follow the link"
  expect_log "answered dns_resolver $SERVER: $SERVER2_IP"
  unmount
  wait_for 20 unmounted
  rest 2
  before=$(upcalls dns_resolver)
  mount_share cruid=$U1 "//$SERVER/dfs"
  ls $MNT/same/hello.txt || fail "the host cannot follow the link"
  [ "$(upcalls dns_resolver)" -gt "$before" ] || fail "the container's answer serves the host"
}
c_follow_link() {
  private_tmp
  give $U1 labu1 "$(default_ccache $U1)"
  give 0 labu1 "$(default_ccache 0)"
  # The other address of the same server: the link works either way.
  printf '%s %s\n' $SERVER2_IP $SERVER >/tmp/hosts
  mount --bind /tmp/hosts /etc/hosts
  ls $MNT/same/hello.txt
}

# NTLM for every user of a mount, without anybody having run cifscreds.
test_ntlm_multiuser() {
  extra_rule "create logon cifs:* * $(helper_of cifs.spnego) --logon %k"
  mkdir -p /run/user/$U2
  chmod 755 /run/user /run/user/$U2
  printf 'username=labu2\npassword=pw-labu2-1\ndomain=LAB\n' >/run/user/$U2/cifs-credentials
  chmod 600 /run/user/$U2/cifs-credentials
  chown $U2:$U2 /run/user/$U2/cifs-credentials
  mount_ntlm "multiuser,$AS_LABU1"
  as $U2 touch $MNT/ntlm2 || fail "no access with the credentials file"
  expect_owner ntlm2 labu2
  chmod 644 /run/user/$U2/cifs-credentials
  log_has 'pw-labu2' && fail "the password is in the log"
  return 0
}
# In a container it is the container's file that counts, and the host's user of the same id has none.
test_ntlm_container() {
  extra_rule "create logon cifs:* * $(helper_of cifs.spnego) --logon-file=/tmp/credentials %k"
  mount_ntlm "multiuser,$AS_LABU1"
  # A session keyring of its own: a password that was had before is in the user's.
  as $U2 keyctl session - touch $MNT/ntlm_host && fail "access without a password"
  sleep 1.2
  in_container c_ntlm
  expect_absent ntlm_host
  expect_owner ntlm_ctr labu2
}
c_ntlm() {
  private_tmp
  printf 'username=labu2\npassword=pw-labu2-1\n' >/tmp/credentials
  chmod 600 /tmp/credentials
  chown $U2:$U2 /tmp/credentials
  as $U2 keyctl session - touch $MNT/ntlm_ctr
}
