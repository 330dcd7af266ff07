/** The paths to which the rows of a page's tables link, without anchors. */
export function linkedInTables(page: string): string[] {
  const rows = page.split("\n").filter((line) => /^\s*\|.*\|\s*$/.test(line));
  return rows.flatMap((row) => [...row.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, path = ""]) => path));
}
