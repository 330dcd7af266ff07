/** The runtimes with separate bundles. */
export const targets = ["server", "lambda"] as const;
export type Target = (typeof targets)[number];
