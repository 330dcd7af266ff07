/** A URL without its password; a text that is no URL keeps nothing that stands before an `@`. */
export function maskUrl(url: string): string {
  if (!URL.canParse(url)) return url.replace(/^(\w[\w+.-]*:\/\/)?.*@/s, "$1***@");
  const masked = new URL(url);
  if (masked.password !== "") masked.password = "***";
  return masked.href;
}
