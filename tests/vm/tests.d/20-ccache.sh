# shellcheck shell=bash
# Where tickets are found, and which one is taken.

env_ccache() { # env_ccache CCACHE FILE: U2 uses a multiuser mount with KRB5CCNAME
  mount_share multiuser,cruid=$U1
  give $U2 labu2 "$1"
  as $U2 env KRB5CCNAME="$1" touch "$MNT/$2"
  expect_owner "$2" labu2
}
test_env_file() { env_ccache FILE:/tmp/cc-x env_file; }
test_env_dir() {
  mkdir -m 700 /tmp/cc-d
  chown $U2 /tmp/cc-d
  env_ccache DIR:/tmp/cc-d env_dir
}
test_env_persistent() {
  need_persistent_keyrings
  env_ccache KEYRING:persistent:$U2 env_persistent
}
test_def_persistent() {
  need_persistent_keyrings
  use_default_ccache 'KEYRING:persistent:%{uid}'
  give $U2 labu2 KEYRING:persistent:$U2
  mount_share cruid=$U2
  touch $MNT/def_persistent
  expect_owner def_persistent labu2
}

# A process's session keyring is out of reach, by design of the kernel. The access fails, and the log says why.
test_env_session() {
  mount_share multiuser,cruid=$U1
  as $U2 keyctl session - bash -c '
    export KRB5CCNAME=KEYRING:session:s1
    echo pw-labu2-1 | kinit labu2 >/dev/null && touch '"$MNT"'/env_session'
  expect_absent env_session
  expect_log 'session keyring'
}

# --- username= chooses among the principals of a collection ---------------------------------------
# (A name that the collection does not hold chooses nothing: mount.cifs sends the caller's, where none is given.)

# collection UID: a DIR collection in /tmp/ccs_UID with tickets of labu1 (primary) and labu2
collection() {
  local name
  mkdir -m 700 "/tmp/ccs_$1"
  for name in labu1 labu2; do cp "/var/lib/samba/tickets/$name" "/tmp/ccs_$1/tkt$name"; done
  echo tktlabu1 >"/tmp/ccs_$1/primary"
  chmod 600 "/tmp/ccs_$1"/*
  chown -R "$1:$1" "/tmp/ccs_$1"
}
choose() { # choose USER FILE
  mount_share "username=$1,cruid=$U2"
  touch "$MNT/$2"
  expect_owner "$2" "$1"
  unmount
  wait_for 20 unmounted
}
test_username_dir() {
  use_default_ccache 'DIR:/tmp/ccs_%{uid}'
  collection $U2
  choose labu2 dir_other
  choose labu1 dir_primary
}
test_username_persistent() {
  need_persistent_keyrings
  use_default_ccache 'KEYRING:persistent:%{uid}'
  give $U2 labu2 KEYRING:persistent:$U2:second
  give $U2 labu1 KEYRING:persistent:$U2:first
  choose labu2 keyring_second
  choose labu1 keyring_first
}
