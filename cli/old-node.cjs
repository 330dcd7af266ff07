"use strict";
// The build puts this at the head of the command line, before the code that fails on an old Node with a stack trace. It
// uses only syntax that every Node understands. The build replaces NEEDED by the version in `engines` of package.json.
((needed) => {
  const [major, minor] = needed.split(".").map(Number);
  const [ownMajor, ownMinor] = process.version.slice(1).split(".").map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  process.stderr.write(`dms-frontend: Node.js ${needed} or newer is needed, and this is ${process.version}\n`);
  process.exit(1);
})(NEEDED);
