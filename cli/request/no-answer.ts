/** No answer came within the time allowed for a request. */
export class NoAnswer extends Error {}
