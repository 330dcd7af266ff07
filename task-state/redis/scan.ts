/** Runs a SCAN-like command to its end and yields its non-empty pieces. */
export async function* scan(step: (cursor: string) => Promise<[string, string[]]>): AsyncGenerator<string[], void> {
  let cursor = "0";
  do {
    const [next, members] = await step(cursor);
    if (members.length > 0) yield members;
    cursor = next;
  } while (cursor !== "0");
}
