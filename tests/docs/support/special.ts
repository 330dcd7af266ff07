/** Commands of the documents that the test does not run as they are, and what stands for each. */
export const specialCommands: Readonly<Record<string, string>> = {
  "npm ci": "not run: the tests run on what it has installed",
  "npm start": "not run: the service of the document has started",
  "npx dms-frontend dev": "not run: the service of the document has started",
  "dms-frontend dev": "not run: the service of the document has started",
  "npm link": "not run: it changes the machine; the command is on PATH",
  "npm run check": "not run: npm test runs it",
  "npm run bench": "not run: a benchmark needs a machine for itself",
  "npm run bench:cli": "not run: a benchmark needs a machine for itself",
  "npm run bench:cold": "not run: a benchmark needs a machine for itself",
  "npm test": "not run: this test is part of it",
  "npm run test:faults": "not run: it takes hours; npm test runs its short form",
};

export interface WithoutSpecial {
  /** The commands that are left; empty where none is. */
  readonly commands: string;
  /** The special commands in the order in which they appear. */
  readonly found: readonly string[];
}

/** Takes the special commands out of a block: whole lines, also in the background, and parts of a line between `&&`. */
export function withoutSpecial(text: string): WithoutSpecial {
  const found: string[] = [];
  const lines = text.split("\n").map((line) => {
    const parts = line.split("&&");
    const kept = parts.filter((part) => {
      const command = part
        .replace(/\s#.*$/, "")
        .replace(/\s&\s*$/, "")
        .trim();
      if (!Object.hasOwn(specialCommands, command)) return true;
      found.push(command);
      return false;
    });
    return kept.length === parts.length ? line : kept.join("&&").trim();
  });
  return { commands: lines.join("\n").trim(), found };
}
