// Starts a server bundle, asks it for answers, and writes the code cache of everything that was compiled meanwhile.
// Arguments: the bundle and the paths to ask for; PORT is in the environment.
const { writeFileSync } = require("node:fs");
const { get } = require("node:http");
const { setFlagsFromString } = require("node:v8");

const [bundle, ...paths] = process.argv.slice(2);
const { script } = require(bundle);

function answer(path) {
  return new Promise((resolve, reject) => {
    const asked = get({ host: "127.0.0.1", port: process.env.PORT, path, agent: false }, (response) => {
      response.resume().on("end", resolve);
    });
    asked.on("error", reject);
  });
}

async function main() {
  for (;;) {
    try {
      for (const path of paths) await answer(path);
      // A cache counts only under the flags that it was made with, and a bundle is compiled before it changes these.
      setFlagsFromString("--allocation-site-pretenuring");
      setFlagsFromString("--semi-space-growth-factor=2");
      setFlagsFromString("--heap-growing-percent=0");
      writeFileSync(bundle.replace(/cjs$/, "cache"), script.createCachedData());
      process.kill(process.pid, "SIGTERM");
      return;
    } catch (error) {
      if (error.code !== "ECONNREFUSED") throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

main();
