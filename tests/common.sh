# Shared by tests/run and tests/demo: progress, packages, builds. Sourced, with ROOT set to the project's folder.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  BOLD=$'\033[1m' DIM=$'\033[2m' RED=$'\033[31m' PLAIN=$'\033[0m'
else
  BOLD='' DIM='' RED='' PLAIN=''
fi

CACHE=${NSUPCALL_CACHE:-/var/cache/nsupcall}

say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN"; }
die() {
  printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$*" "$PLAIN" >&2
  exit 2
}

need_root() {
  [ "$(id -u)" -eq 0 ] || die "needs root: namespaces, /etc/request-key.d and packages. Try: sudo $0"
}

# list_packages FILE...: the names in package lists, each once.
list_packages() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$@" | sort -u; }

# is_installed PACKAGE: itself, or an installed one that provides it (as some vendors' nodejs does npm).
is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ] ||
    dpkg-query -W -f '${db:Status-Abbrev} ${Provides}\n' | sed 's/([^)]*)//g; s/,/ /g' | grep -qE "^ii .* $1( |\$)"
}

# Runs a command with its output in a file; shows the end of it where it fails.
LOG=
trap '[ -z "$LOG" ] || rm -f "$LOG"' EXIT
quietly() {
  local what=$1
  shift
  LOG=$(mktemp /tmp/nsupcall-log.XXXXXX) || die "no temporary file"
  if ! "$@" >"$LOG" 2>&1 </dev/null; then
    tail -n 40 "$LOG" >&2
    die "$what failed"
  fi
  rm -f "$LOG"
  LOG=
}

# install_packages FILE...: installs what these lists name and is missing. Downloads are kept in $CACHE/apt.
install_packages() {
  local missing=() name
  while read -r name; do
    is_installed "$name" || missing+=("$name")
  done < <(list_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    say "Packages: all there"
    return
  fi
  command -v apt-get >/dev/null || die "no apt-get here; install the Debian packages: ${missing[*]}"
  say "Packages: installing ${missing[*]}"
  mkdir -p "$CACHE/apt/partial" || die "cannot write to $CACHE"
  export DEBIAN_FRONTEND=noninteractive
  note "apt-get update"
  quietly "apt-get update" apt-get -q update
  note "apt-get install (${#missing[@]} packages and what they need)"
  quietly "apt-get install" apt-get -q -y -o Dir::Cache::archives="$CACHE/apt" -o Dpkg::Options::=--force-confold \
    --no-install-recommends install "${missing[@]}"
}

# build PRESET [cmake option...] [-- target...]: configures and builds, quietly where nobody watches.
build() {
  local preset=$1 began=$SECONDS options=() targets=() jobs
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  for target in "$@"; do targets+=(--target "$target"); done
  if command -v ccache >/dev/null; then
    options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
    # What another checkout has compiled serves this one as well, and the image (Containerfile); ccache tells objects of
    # compilers apart that speak different languages.
    export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 LANG=C.UTF-8
  fi
  jobs=$(nproc)
  say "Building build/$preset with $jobs jobs"
  cd "$ROOT" || die "no $ROOT"
  quietly "cmake --preset $preset" cmake --preset "$preset" "${options[@]}"
  if [ -t 1 ]; then
    cmake --build --preset "$preset" -j "$jobs" "${targets[@]}" || die "the build failed"
  else
    quietly "the build" cmake --build --preset "$preset" -j "$jobs" "${targets[@]}"
  fi
  note "built in $((SECONDS - began)) s"
}
