import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";

export default httpFunction(endpoints.listUsers, async ({ input }, { store }) =>
  json(200, { users: await store.users(input.service) }),
);
