/** A Redis command as its words. */
export type Command = (string | number)[];
