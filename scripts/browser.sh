#!/bin/sh
# The browser tests need Chromium, its driver (Debian's packages) and the rules of accessibility (npm).
set -eu
cd "$(dirname "$0")/.."
[ -x .tools/node/bin/npm ] && PATH=$PWD/.tools/node/bin:$PATH

if ! command -v chromium >/dev/null 2>&1 || ! command -v chromedriver >/dev/null 2>&1; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "✗ The browser tests need Chromium: ask an administrator for apt-get install chromium chromium-driver." >&2
    exit 1
  fi
  echo "… Chromium for the browser tests"
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null
fi

lock=tests/browser/axe/package-lock.json
if ! cmp -s "$lock" .tools/stamps/axe; then
  echo "… axe-core for the browser tests"
  (cd tests/browser/axe && npm ci --no-audit --no-fund --silent)
  mkdir -p .tools/stamps
  cp "$lock" .tools/stamps/axe
fi
