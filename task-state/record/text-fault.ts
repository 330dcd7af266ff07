/** Why a text cannot be stored as it was meant, or `undefined` when it can. */
export function textFault(text: string): string | undefined {
  if (!text.isWellFormed()) return "must be valid Unicode";
  return text.includes("\0") ? "must not contain a NUL character" : undefined;
}
