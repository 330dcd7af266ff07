/** Counts the commands that end within each chunk of a client's side of a connection. Commands are arrays of bulk strings. */
export function createCommandCounter(): (chunk: Buffer) => number {
  let rest: Buffer = Buffer.alloc(0);
  let words = 0;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let [at, commands] = [0, 0];
    for (;;) {
      const end = rest.indexOf("\r\n", at);
      if (end < 0) break;
      const number = Number(rest.toString("latin1", at + 1, end));
      const isArray = rest[at] === 0x2a;
      const next = isArray ? end + 2 : end + 2 + number + 2;
      if (next > rest.length) break;
      words = isArray ? number : words - 1;
      if (words === 0) commands += 1;
      at = next;
    }
    rest = rest.subarray(at);
    return commands;
  };
}
