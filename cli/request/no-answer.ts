/** A request timed out. */
export class NoAnswer extends Error {}
