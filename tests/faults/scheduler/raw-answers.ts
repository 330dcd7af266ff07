import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "./calls.ts";
import type { Fault } from "./settings.ts";

/** Receives what the reader of an answer learned. */
export interface Progress {
  /** The status line is out. */
  line(status: number): void;
  /** All headers are out. */
  headed(): void;
}

/** Time between two bytes of a dripping body, in ms. */
const dripPause = 300;
/** Time between what was sent last and the end of the connection, so that it is read before, in ms. */
const cutPause = 20;
const hugeBody = 4 * 1024 * 1024;

export const rawKinds = ["drip", "cut", "inform", "huge"] as const;
export type RawFault = Fault & { readonly kind: (typeof rawKinds)[number] };

export function isRaw(fault: Fault | undefined): fault is RawFault {
  return rawKinds.some((kind) => kind === fault?.kind);
}

/** Writes an answer byte for byte, as the fault wants it, and ends the connection. */
export async function answerRaw(socket: Socket, { status, body }: Answer, fault: RawFault, progress: Progress) {
  socket.setNoDelay(true);
  const text = JSON.stringify(fault.kind === "huge" ? { ...body, filling: "x".repeat(hugeBody) } : body);
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Status"}\r\n`;
  const type = "content-type: application/json\r\n";
  const length = `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n`;
  if (fault.kind === "inform") await inform(socket);
  if (fault.kind !== "cut" || fault.part !== "before") {
    send(socket, line);
    progress.line(status);
  }
  if (fault.kind !== "cut" || fault.part === "body") {
    send(socket, type + length);
    progress.headed();
  } else if (fault.part === "headers") send(socket, type.slice(0, -10));
  if (fault.kind === "drip") await drip(socket, text);
  else if (fault.kind === "cut" && fault.part === "body") send(socket, text.slice(0, text.length / 2));
  else if (fault.kind !== "cut") send(socket, text);
  await pause(cutPause);
  if (fault.kind === "cut") socket.destroy();
  else socket.end();
}

function send(socket: Socket, text: string): void {
  if (!socket.destroyed) socket.write(text);
}

async function drip(socket: Socket, text: string): Promise<void> {
  for (const character of text) {
    if (socket.destroyed) return;
    send(socket, character);
    await pause(dripPause);
  }
}

/** Two informational answers, the second one in pieces. */
async function inform(socket: Socket): Promise<void> {
  for (const piece of [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early",
    " Hints\r\nlink: </style>",
    "; rel=x\r\n\r\n",
  ]) {
    send(socket, piece);
    await pause(cutPause);
  }
}
