export { type DispatcherOptions, runDispatcher } from "./dispatcher.ts";
export { type Policy, policyOf } from "./policy.ts";
export { createSchedulerClient, type SchedulerClient } from "./scheduler-client.ts";
