// The smallest Node server: the cost of every start before any code of this project.
require("node:http")
  .createServer((_request, response) => response.end("{}"))
  .listen(Number(process.env.PORT), "0.0.0.0");
