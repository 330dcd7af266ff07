import type { PluginBuild } from "esbuild";

interface Named {
  readonly name: string;
}

/**
 * Fails a build that has ended without meeting each of the changes that it is to make to dependencies: what a change
 * replaces has then moved.
 * @returns to be called with each change that is met
 */
export function expectAll({ onEnd }: PluginBuild, changes: readonly Named[]): (change: Named) => void {
  const unmet = new Set(changes);
  onEnd(({ errors }) => {
    // A build that failed may not have come that far.
    if (errors.length > 0) return undefined;
    return { errors: [...unmet].map(({ name }) => ({ text: `What the change "${name}" replaces has moved` })) };
  });
  return (change) => unmet.delete(change);
}
