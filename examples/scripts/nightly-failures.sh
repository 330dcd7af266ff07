#!/usr/bin/env bash
# Lists the tasks of all users that failed within a day, or the given hours, as CSV: nightly-failures.sh 12 > report.csv
# Needs DMS_OPERATOR_TOKEN.
set -euo pipefail

# Not --since, which filters by creation time: a long task may fail days later.
dms-frontend admin tasks --status failed --output jsonl | node -e '
  const since = Date.now() - Number(process.argv[1]) * 3_600_000;
  const cell = (text) => `"${String(text ?? "").replaceAll(`"`, `""`)}"`;
  const row = (cells) => process.stdout.write(cells.map(cell).join(",") + "\n");
  row(["task", "service", "user", "failed", "reason"]);
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { task_id, service, user_id, updated_at, logs = [] } = JSON.parse(line);
    if (Date.parse(updated_at) < since) return;
    row([task_id, service, user_id, updated_at, logs.at(-1)?.replace(/^[^,]*,/, "")]);
  });' "${1:-24}"
