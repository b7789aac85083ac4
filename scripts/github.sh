#!/bin/sh
# GitHub's files are as GitHub's published schemas say; the schemas come with the tool.
set -eu
cd "$(dirname "$0")/.."
check() { # SCHEMA FILE…
  schema=$1; shift
  .venv-tools/bin/check-jsonschema --quiet --builtin-schema "$schema" "$@"
}
check vendor.github-workflows .github/workflows/*.yml
check custom.github-workflows-require-timeout .github/workflows/*.yml
check vendor.dependabot .github/dependabot.yml
check vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
check vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
