#!/usr/bin/env bash
# Copies a directory and waits until the task has ended: sync-and-wait.sh /from /to
# Needs DMS_SERVICE and DMS_USER. The exit code is the outcome; after a failure, it prints the log.
set -euo pipefail

id=$(dms-frontend tasks submit --param src="$1" --param dst="$2" --output id)
echo "task $id" >&2
code=0
dms-frontend tasks wait "$id" --timeout "${TIMEOUT:-1h}" --output table || code=$?
if [ "$code" -ne 0 ]; then dms-frontend tasks logs "$id" >&2; fi
exit "$code"
