/** Percent-decoded, empty where there is nothing; `undefined` when it cannot be decoded. */
export function percentDecoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
