"use strict";
// The build puts this at the head of the command line: an old Node gets one line here, and a stack trace from what follows.
// Any Node understands it. NEEDED is the version that package.json asks for, which the build fills in.
((needed) => {
  const [major, minor] = needed.split(".").map(Number);
  const [ownMajor, ownMinor] = process.version.slice(1).split(".").map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  process.stderr.write(`dms-frontend: Node.js ${needed} or newer is needed, and this is ${process.version}\n`);
  process.exit(1);
})(NEEDED);
