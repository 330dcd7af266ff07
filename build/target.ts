/** The runtimes that have bundles of their own. */
export const targets = ["server", "lambda"] as const;
export type Target = (typeof targets)[number];
