/** Decodes percent-encoded text; `undefined` when it is malformed. */
export function percentDecoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
