#!/usr/bin/env bash
# Everybody's failures of the last day, or of the time given, as CSV: nightly-failures.sh 12h > report.csv
# Needs DMS_OPERATOR_TOKEN.
set -euo pipefail

dms-frontend admin tasks --status failed --since "${1:-1d}" --output jsonl | node -e '
  const cell = (text) => `"${String(text ?? "").replaceAll(`"`, `""`)}"`;
  const row = (cells) => process.stdout.write(cells.map(cell).join(",") + "\n");
  row(["task", "service", "user", "created", "reason"]);
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { task_id, service, user_id, created_at, logs = [] } = JSON.parse(line);
    row([task_id, service, user_id, created_at, logs.at(-1)?.replace(/^[^,]*,/, "")]);
  });'
