import { inspect } from "node:util";
import type { Shell } from "../shell.ts";

export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan";

/** Colours a text, or leaves it alone. */
export type Paint = (colour: Colour | undefined, text: string) => string;

/** Colours for a terminal; none in a pipe, on a dumb terminal, or where NO_COLOR is set. https://no-color.org */
export function painter({ env }: Pick<Shell, "env">, output: { isTTY?: boolean | undefined }): Paint {
  const on = output.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
  return (colour, text) => (on && colour ? `\u001b[${inspect.colors[colour]?.[0]}m${text}\u001b[0m` : text);
}

const statusColours: Readonly<Record<string, Colour>> = {
  pending: "dim",
  dispatching: "blue",
  running: "cyan",
  completed: "green",
  failed: "red",
  cancel_requested: "yellow",
  cancelled: "yellow",
};

/** The colour in which a task's status is shown. */
export function statusColour(status: string): Colour | undefined {
  return statusColours[status];
}
