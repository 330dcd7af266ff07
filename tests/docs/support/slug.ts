/** What is part of an anchor: letters, digits, `_`, `-`; spaces become `-`. */
const dropped = /[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu;
const link = /!?\[([^\]]*)\]\([^)]*\)/g;

/**
 * The anchors of a page as GitHub makes them from its headings, and those that it sets itself (`<a id="…">`). A heading
 * that comes again gets `-1`, `-2` and so on.
 */
export function anchorsOf(prose: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  for (const line of prose) {
    const [, heading] = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line) ?? [];
    if (heading !== undefined) anchors.add(unused(slugOf(heading), anchors));
    for (const [, id = ""] of line.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id);
  }
  return anchors;
}

function slugOf(heading: string): string {
  // Emphasis is marked with `*`, which is dropped; `_` belongs to a name.
  return heading.replaceAll(link, "$1").toLowerCase().replaceAll(dropped, "").replaceAll(" ", "-");
}

function unused(slug: string, taken: ReadonlySet<string>): string {
  if (!taken.has(slug)) return slug;
  let count = 1;
  while (taken.has(`${slug}-${count}`)) count += 1;
  return `${slug}-${count}`;
}
