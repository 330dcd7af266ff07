import type { PluginBuild } from "esbuild";

interface Named {
  readonly name: string;
}

/**
 * Fails a build that did not apply every change to its dependencies: the code that the change replaces has moved.
 * @returns a function to call with each change that is applied
 */
export function expectAll({ onEnd }: PluginBuild, changes: readonly Named[]): (change: Named) => void {
  const unmet = new Set(changes);
  onEnd(({ errors }) => {
    // A build that failed may have stopped before it reached the code.
    if (errors.length > 0) return undefined;
    return { errors: [...unmet].map(({ name }) => ({ text: `What the change "${name}" replaces has moved` })) };
  });
  return (change) => unmet.delete(change);
}
