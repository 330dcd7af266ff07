#!/usr/bin/env bash
# Cancels your tasks that are older than a day, or than the given age: cancel-old.sh 6h
# Needs DMS_SERVICE and DMS_USER.
set -euo pipefail

dms-frontend tasks list --status pending,dispatching,running --before "${1:-1d}" --output id |
  xargs -r -n 500 dms-frontend tasks cancel --yes --output table
