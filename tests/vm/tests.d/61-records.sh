# shellcheck shell=bash
# The records of answered requests (/run/nsupcall/sessions): a reconnect must come out right without them, and must not
# believe one that somebody else wrote.
RECORDS=/run/nsupcall/sessions

# records_reconnect FILE [SPOIL]: as ctr_reconnect_decoy. The living container's own mount table tells whose the mount
# is. SPOIL is called in between.
records_reconnect() {
  give 0 labu1 "$(default_ccache 0)"
  start_container ctr
  enter ctr c_mount labu2 || exit 1
  ${2:-true}
  reconnect
  enter ctr c_touch "$1"
  expect_owner "$1" labu2
  expect_upcalls 2
  expect_log 'namespaces of .*\(mount table\)'
}
c_mount() { # c_mount USER
  private_tmp
  give 0 "$1" "$(default_ccache 0)"
  mount_share "nosharesock,username=$1"
  touch "$MNT/before-$1"
}
c_touch() { touch "$MNT/$1"; }

remove_records() { rm -rf /run/nsupcall; }
test_records_missing() { records_reconnect records_missing remove_records; }

# over_records OPTIONS: another file system in place of the folder
over_records() {
  mkdir -p /run/nsupcall
  mount -t tmpfs -o "$1" none /run/nsupcall
  trap 'umount -l /run/nsupcall' EXIT
}
test_records_readonly() {
  over_records ro
  records_reconnect records_readonly
  expect_log 'not remembered: .*[Rr]ead-only'
}
test_records_full() {
  over_records size=8k
  mkdir -m 700 $RECORDS
  dd if=/dev/zero of=/run/nsupcall/filler 2>/dev/null
  records_reconnect records_full
  expect_log 'not remembered: .*[Nn]o space'
}

# Another user's record says that container one's session belongs to container two.
forge() { # forge FILE...: in place of each record
  local file
  for file in "$@"; do
    rm -f "$file"
    sed 's/labu2/labu1/g' /tmp/record-of-two >"$file"
    chown $U2:$U2 "$file"
    chmod 666 "$file"
  done
}
test_records_forged() {
  local file port
  [ "$(stat -c '%u %a' $RECORDS 2>/dev/null || echo '0 700')" = '0 700' ] || fail "$RECORDS is open to others"
  give 0 labc01 "$(default_ccache 0)"
  start_container one
  start_container two
  enter two c_mount labu2
  file=$(find $RECORDS -type f | head -n 1)
  [ -n "$file" ] || fail "no record was written"
  [ "$(stat -c '%u %a' $RECORDS)" = '0 700' ] || fail "$RECORDS is open to others"
  cp "$file" /tmp/record-of-two
  grep -q labu2 /tmp/record-of-two || fail "cannot forge: the record does not name its user"
  port=$(client_ports)
  enter one c_mount labu1
  chmod 777 /run/nsupcall $RECORDS
  # shellcheck disable=SC2046
  forge $(find $RECORDS -type f)
  reconnect 1 "$(client_ports | grep -vx "$port")"
  enter one c_touch records_forged
  expect_owner records_forged labu1
}
