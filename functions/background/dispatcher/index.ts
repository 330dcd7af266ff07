export { type DispatcherOptions, runDispatcher } from "./dispatcher.ts";
export { type Policy, policyOf } from "./limits/policy.ts";
export { createSchedulerClient, type SchedulerClient } from "./scheduler/scheduler-client.ts";
