import { describeRoute } from "../../shared/api/endpoint.ts";
import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";

const description =
  "Data Moving Service: submit, follow, cancel and delete data transfer tasks. " +
  "Query parameters of a submission become the task's parameters; endpoints under /admin need X-Operator-Token.";

export default httpFunction(endpoints.help, (_request, { config }) =>
  json(200, {
    endpoints: Object.values(endpoints).map((endpoint) => describeRoute(endpoint, config.apiPrefix)),
    description,
  }),
);
