# shellcheck shell=bash
# The domain LAB.TEST: its names and addresses, how it is provisioned (on the host, once, into a tar file)
# and how it is started (in the guest). Sourced by guest/init and by guest/provision.

REALM=LAB.TEST
DOMAIN=lab.test
SERVER=dc1.$DOMAIN     # the file server that nearly every test mounts from
SERVER2=fs2.$DOMAIN    # the same smbd under another address and service principal
DEAD_SERVER=gone.$DOMAIN # a name whose address nobody has
SERVER_IP=10.99.0.1
SERVER2_IP=10.99.0.2
DEAD_IP=10.99.0.9
KDC_IP=10.99.0.8       # an address of the KDC alone, so that it can go away without the file server

# Client-side uids of the domain's users (no home directories) and the uids that the server gives their files.
# They differ, so that no owner on the server can be right by accident.
U1=7001
U2=7002
SERVER_UID_OFFSET=10000
server_uid() { echo $((SERVER_UID_OFFSET + $1)); }
CROWD_FIRST=7101       # labc01..labc50, the identities of the test `crowd`
CROWD_SIZE=50
crowd_name() { printf 'labc%02d' "$1"; }

# Tickets are obtained while provisioning, so that no boot waits for kinit; they outlive the cache.
TICKET_HOURS=8760

all_users() { # prints "NAME CLIENT_UID" lines
  echo "labu1 $U1"
  echo "labu2 $U2"
  local i
  for ((i = 1; i <= CROWD_SIZE; i++)); do
    echo "$(crowd_name "$i") $((CROWD_FIRST + i - 1))"
  done
}

domain_addresses() {
  local ip
  ip link set lo up
  for ip in $SERVER_IP $SERVER2_IP $KDC_IP; do
    ip addr add "$ip/32" dev lo 2>/dev/null
  done
}

domain_files() { # names, resolver, krb5.conf
  rm -f /etc/hosts /etc/resolv.conf /etc/krb5.conf /etc/krb5.keytab
  rm -rf /etc/krb5.conf.d
  cat >/etc/hosts <<EOF
127.0.0.1 localhost
$SERVER_IP $SERVER dc1
$SERVER2_IP $SERVER2 fs2
$DEAD_IP $DEAD_SERVER
EOF
  cat >/etc/resolv.conf <<EOF
search $DOMAIN
nameserver $SERVER_IP
options timeout:1 attempts:1
EOF
  cat >/etc/krb5.conf <<EOF
[libdefaults]
 default_realm = $REALM
 dns_lookup_realm = false
 dns_lookup_kdc = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 $REALM = {
  kdc = $KDC_IP
 }
[domain_realm]
 .$DOMAIN = $REALM
 $DOMAIN = $REALM
EOF
}

domain_users() { # as users of this system
  local name uid
  sed -i '/^lab[uc][0-9]*:/d' /etc/passwd /etc/group
  while read -r name uid; do
    echo "$name:x:$uid:$uid::/:/bin/sh" >>/etc/passwd
    echo "$name:x:$uid:" >>/etc/group
  done < <(all_users)
}

samba_folders() {
  mkdir -p /var/lib/samba/private /var/cache/samba /var/log/samba /run/samba /etc/samba
}

# One LDIF for all users: samba-tool takes a second for each.
users_ldif() {
  local name uid base="CN=Users,DC=${DOMAIN/./,DC=}"
  while read -r name uid; do
    cat <<EOF
dn: CN=$name,$base
objectClass: user
sAMAccountName: $name
userPrincipalName: $name@$DOMAIN
userAccountControl: 512
unicodePwd:: $(printf '"pw-%s-1"' "$name" | iconv -t UTF-16LE | base64 -w0)
uidNumber: $(server_uid "$uid")

EOF
  done < <(all_users)
}

start_samba() {
  local samba
  samba -D &
  samba=$!
  smbd -D --option='server role check:inhibit=yes' &
  wait $samba $! # they become daemons
}

kdc_answers() { # with a ticket for labu1 in $1
  echo pw-labu1-1 | kinit -c "$1" labu1
}

# port_open PORT: somebody listens there
port_open() { { : <>"/dev/tcp/$SERVER_IP/$1"; } 2>/dev/null; }

# rest SECONDS: sleeps. In the guest, where a process costs 20 ms, by waiting for a pipe that nobody writes to.
rest() { if [ -n "${SILENT_PIPE:-}" ]; then read -r -t "$1" -u "$SILENT_PIPE"; else sleep "$1"; fi; }

# wait_for SECONDS COMMAND...: until the command succeeds; tried every WAIT_STEP seconds
wait_for() {
  local end=$((SECONDS + $1 + 1))
  shift
  while :; do
    "$@" >/dev/null 2>&1 && return 0
    [ $SECONDS -lt $end ] || return 1
    rest "${WAIT_STEP:-0.1}"
  done
}
