# shellcheck shell=bash
# What tests/vm/run and tests/vm/prepare share. Sets, from --engine, --kernel and --cache:
#   ENGINE KERNEL CACHE   as given, or their defaults
#   KERNEL_DIR            the unpacked kernel and its modules
#   INITRD                its initramfs; its name changes with the script that it runs
#   AD_TAR                the provisioned domain; its name changes with the scripts that make it
# Exit statuses: 0 passed, 1 a test failed, 2 broken, 77 cannot run here (2 where NSUPCALL_NO_SKIP=1).

export PATH=$PATH:/usr/sbin:/sbin
ENGINE=tcg
KERNEL=
CACHE=${NSUPCALL_CACHE:-/var/cache/nsupcall}/vm

say() { echo "vm: $*" >&2; }
die() { say "$*"; exit 2; }
cannot_run() {
  say "cannot run here: $*"
  [ "${NSUPCALL_NO_SKIP:-0}" = 1 ] && exit 2
  exit 77
}

settle_options() {
  case $ENGINE in
    uml) KERNEL=${KERNEL:-user-mode-linux} ;;
    tcg | kvm) KERNEL=${KERNEL:-linux-image-6.12-cloud-amd64} ;;
    *) die "--engine is tcg, kvm or uml, not $ENGINE" ;;
  esac
  [ "$(id -u)" = 0 ] || cannot_run "must be root (mount namespaces, a shared root file system); try sudo"
  [ "$(uname -m)" = x86_64 ] || cannot_run "the kernels are x86_64 ones, this machine is $(uname -m)"
  KERNEL_DIR=$CACHE/kernels/${KERNEL//\//_}
  INITRD=$KERNEL_DIR/initrd-$(sha256sum <"$HERE/guest/initramfs-init" | cut -c1-12).gz
  AD_TAR=$CACHE/domain-$(cat "$HERE"/guest/{domain.sh,provision} | sha256sum | cut -c1-12).tar
}

wanted_packages() { sed 's/#.*//' "$HERE/packages" | tr -s ' \n' ' '; }

missing_packages() {
  local package
  for package in $(wanted_packages); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' || echo "$package"
  done
}

have_kernel() { [ -s "$KERNEL_DIR/version" ]; }
have_domain() { [ -s "$AD_TAR" ] && [ -z "$(find "$AD_TAR" -mtime +180)" ]; }
