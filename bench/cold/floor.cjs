// The least that a Node server can be: what every start costs before any code of ours.
require("node:http")
  .createServer((_request, response) => response.end("{}"))
  .listen(Number(process.env.PORT), "0.0.0.0");
