import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { root } from "./import-graph.ts";
import { type Exception, type Finding, findOldWords, oldWords } from "./old-words.ts";

/** Folders and files that are checked, as glob patterns. */
const checked = [
  "{task-state,functions,shared,local,cli,build,bench,knative,examples,tests}/**/*.{ts,js,mjs,md}",
  "{docs/*,README,CONTRIBUTING,SECURITY}.md",
];
/** The table itself, and this test. */
const own = /^tests\/architecture\/(old-words|words\.test)\.ts$/;

const exceptions: readonly Exception[] = [
  {
    old: "given up",
    files: /^task-state\/queue\/explain\.ts$|^tests\/task-state\/explain\.test\.ts$|^docs\/api\.md$/,
    reason: "clients read it: the field `given_up` and the sentence of the answer `explain`",
  },
  {
    old: "given up",
    files: /\/reconcile\/messages\.ts$|^tests\/dispatcher\/(next-step|outage)\.test\.ts$/,
    reason: "clients read it: an entry of the task's log",
  },
  { old: "patience", files: /^(cli|tests\/cli)\/|^docs\/cli\.md$/, reason: "users type it: the option `--patience`" },
  {
    old: "told",
    files: /^tests\/docs\/run-document\.test\.ts$/,
    reason: "`told apart` means distinguished, which is no old word",
  },
];

let files = 0;
let findings: Finding[] = [];

const isAllowed = ({ file, old }: Finding) => exceptions.some((one) => one.old === old && one.files.test(file));

beforeAll(async () => {
  const exclude = (path: string) => /(^|\/)(node_modules|dist|\.[a-z-]+)(\/|$)/.test(path);
  for await (const path of glob(checked, { cwd: root, exclude })) {
    if (own.test(path)) continue;
    files += 1;
    findings.push(...findOldWords(path, await readFile(join(root, path), "utf8")));
  }
  findings = findings.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
});

test("the search finds the sources", () => {
  expect(files).toBeGreaterThan(400);
});

test("old words are found in paths, identifiers, comments, strings and prose", () => {
  const text = [
    "const freeSlots = createGate();",
    "// The task is given",
    "// up after a while.",
    '  log.warn("Redis cannot be used");',
    "facts.given_up = letGo;",
    "| `EXPRESS` | a column |",
  ].join("\n");
  expect(findOldWords("shared/door-bell/doorbell.ts", text).map(({ line, old }) => `${line} ${old}`)).toEqual([
    "0 bell",
    "0 doorbell",
    "1 slots",
    "1 gate",
    "2 given up",
    "4 cannot be used",
    "5 given up",
    "5 let go",
    "6 express",
  ]);
});

test("parts of other words, and words that a sign parts, are no old words", () => {
  const text = 'const gateway = aggregate(expression, timeSlotted);\nf(given, "up"); // It is given. Up to five.';
  expect(findOldWords("shared/gateway.ts", text)).toEqual([]);
});

test("no old word is used", () => {
  const found = findings.filter((finding) => !isAllowed(finding));
  const lines = found.map(({ file, line, old }) => {
    const usual = oldWords.find((row) => row.old.includes(old))?.usual;
    return `${file}:${line}: ${old} (usual: ${usual})`;
  });
  expect(lines).toEqual([]);
});

test("every exception is needed", () => {
  const needless = exceptions.filter(
    ({ old, files }) => !findings.some((one) => one.old === old && files.test(one.file)),
  );
  expect(needless).toEqual([]);
});
