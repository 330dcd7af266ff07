import type { Block } from "./block.ts";
import { withoutSpecial } from "./special.ts";

/** A shell block of a document, as the test treats it. */
export interface Step {
  /** Line of the block in its document. */
  readonly line: number;
  /** What the shell runs; empty where all of it is special. */
  readonly commands: string;
  /** What the shell runs first, unseen. */
  readonly before?: string;
  /** Why it is not run. */
  readonly notRun?: string;
  /** What the document shows as its output. */
  readonly output?: string;
  /** Its commands for which something else stands. */
  readonly special: readonly string[];
}

/** Names under which shell blocks go elsewhere. */
const otherShells = new Set(["bash", "shell", "zsh", "console", "shellsession"]);

const beginsWithCommand =
  /^(\$ |[A-Z_]+=\S* )?(npm|npx|node|dms-frontend|curl|redis-cli|kubectl|podman|docker|git|cd|export) /;

/**
 * The shell blocks of a document in order, each with its output.
 * @throws Error with the line of a block whose language or mark does not fit
 */
export function readSteps(blocks: readonly Block[]): Step[] {
  const steps: Step[] = [];
  blocks.forEach((block, index) => {
    const { line, language, text, mark } = block;
    if (otherShells.has(language) || (language === "" && beginsWithCommand.test(text) && mark.kind !== "output")) {
      throw new Error(`line ${line}: commands are written as "sh", their output as a block after <!-- output -->`);
    }
    if (mark.kind === "output") {
      if (blocks[index - 1]?.language !== "sh") throw new Error(`line ${line}: no shell block precedes this output`);
      const last = steps.pop();
      if (last) steps.push({ ...last, output: text });
    } else if (language === "sh") {
      steps.push(stepOf(block));
    } else if (mark.kind !== "none") {
      throw new Error(`line ${line}: only shell blocks are marked as "${mark.kind}"`);
    }
  });
  return steps;
}

function stepOf({ line, text, mark }: Block): Step {
  if (mark.kind === "not run") return { line, commands: text, notRun: mark.reason, special: [] };
  const { commands, found } = withoutSpecial(text);
  return { line, commands, special: found, ...(mark.kind === "before" ? { before: mark.commands } : {}) };
}

const errorWords =
  /\b(exit (code|status)|errors?|fail(s|ed|ure)?|not found|denied|refused|timed out|cancelled|unavailable)\b/i;

/** True for a step whose output shows that a command does not succeed. */
export function showsError({ output = "" }: Step): boolean {
  return errorWords.test(output);
}
