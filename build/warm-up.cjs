// Starts a server bundle, sends requests, and writes the code cache of everything that V8 has compiled for them.
// Arguments: the bundle and the request paths; PORT is in the environment.
const { writeFileSync } = require("node:fs");
const { get } = require("node:http");
const { setFlagsFromString } = require("node:v8");

const [bundle, ...paths] = process.argv.slice(2);
const { script } = require(bundle);

function answer(path) {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port: process.env.PORT, path, agent: false }, (response) => {
      response.resume().on("end", resolve);
    });
    request.on("error", reject);
  });
}

async function main() {
  for (;;) {
    try {
      for (const path of paths) await answer(path);
      // A cache is valid only with the flags of its creation, and a bundle is compiled before it changes these flags.
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
