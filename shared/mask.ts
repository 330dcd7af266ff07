/** Masks the passwords of a URL, also in its query. In a text that is not a plain URL, everything before the last `@` is masked. */
export function maskUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || parsed.hostname === "" || `${parsed.pathname}${parsed.search}${parsed.hash}`.includes("@")) {
    return url.replace(/^(\w[\w+.-]*:\/\/)?.*@/s, "$1***@");
  }
  if (parsed.password !== "") parsed.password = "***";
  for (const name of parsed.searchParams.keys()) if (/password/i.test(name)) parsed.searchParams.set(name, "***");
  return parsed.href;
}
