#!/bin/sh
# Every distribution declares what it imports, no more and no less; deptry says what differs.
set -eu
cd "$(dirname "$0")/.."
failed=
for project in */pyproject.toml lab-extensions/*/pyproject.toml; do
  folder=${project%/pyproject.toml}
  found=$(.venv-tools/bin/deptry --no-ansi --config "$project" "$folder/src" 2>&1) && continue
  printf '%s\n' "$found" | grep ' DEP' || printf '%s\n' "$found"
  failed=yes
done
[ -z "$failed" ]
