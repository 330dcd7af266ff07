import { type DeployableFunction, routePath } from "../functions.ts";

/** The namespace of all resources; the gateway's routes contain it. */
export const namespace = "dms";
/** Maximum number of rules of an HTTPRoute, a limit of the Gateway API. */
export const maxRules = 16;

const partOf = { "app.kubernetes.io/part-of": "dms-frontend" };

/** Port 0 is the port of the function for Knative, which may move it. */
const functionPort = 0;

/** Scaling of the functions of each group. Times in seconds. */
const scales = {
  user: { minScale: 0, maxScale: 20, concurrency: 100, timeout: 60, cpu: "100m", memory: "128Mi" },
  operator: { minScale: 0, maxScale: 3, concurrency: 50, timeout: 60, cpu: "50m", memory: "128Mi" },
  meta: { minScale: 0, maxScale: 3, concurrency: 100, timeout: 10, cpu: "50m", memory: "128Mi" },
  background: { minScale: 0, maxScale: 5, concurrency: 100, timeout: 300, cpu: "100m", memory: "192Mi" },
} as const;
/** Seconds by which the gateway waits longer than the function's Service. */
const timeoutMargin = 5;
type FunctionGroup = keyof typeof scales;

/** The group of a function: its folder under `functions/`. */
export function groupOf({ file }: DeployableFunction): FunctionGroup {
  const group = file.split(/[\\/]/)[1] ?? "";
  if (!Object.hasOwn(scales, group)) throw new Error(`${file} is not in a deployable folder of functions/`);
  return group as FunctionGroup;
}

/** The Knative Service of a function. */
export function knativeService(fn: DeployableFunction) {
  const scale = scales[groupOf(fn)];
  const labels = { ...partOf, "app.kubernetes.io/name": fn.name, "app.kubernetes.io/component": groupOf(fn) };
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name: fn.name,
      // Only the gateway may call the functions, from within the cluster.
      labels: { ...labels, "networking.knative.dev/visibility": "cluster-local" },
    },
    spec: {
      template: {
        metadata: {
          labels,
          annotations: {
            "autoscaling.knative.dev/min-scale": String(scale.minScale),
            "autoscaling.knative.dev/max-scale": String(scale.maxScale),
          },
        },
        spec: {
          containerConcurrency: scale.concurrency,
          timeoutSeconds: scale.timeout,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [functionContainer(fn, scale)],
        },
      },
    },
  };
}

function functionContainer(fn: DeployableFunction, { cpu, memory }: { cpu: string; memory: string }) {
  return {
    name: "function",
    image: "dms-frontend",
    args: [`dist/server/${fn.name}.cjs`],
    ports: [{ name: "http1", containerPort: 8080 }],
    envFrom: [{ configMapRef: { name: "dms-frontend" } }, { secretRef: { name: "dms-frontend" } }],
    // Ready once Redis has answered, so that a revision with a wrong password takes no traffic. Without a period, Knative
    // probes many times a second until the first answer, which keeps cold starts short.
    readinessProbe: { httpGet: { path: "/readyz", port: functionPort } },
    livenessProbe: { httpGet: { path: "/livez", port: functionPort }, periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu, memory }, limits: { cpu: "1", memory: "256Mi" } },
    // Set on the container, because Knative refuses it on the pod without a feature flag.
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}

/** The route of a group: maps each method and path to its function, through Knative's gateway inside the cluster. */
export function httpRoute(group: FunctionGroup, functions: readonly DeployableFunction[]) {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: `dms-${group}`, labels: partOf },
    spec: {
      parentRefs: [{ name: "dms" }],
      rules: functions.map((fn) => rule(fn, scales[group].timeout)),
    },
  };
}

function rule({ name, endpoint }: DeployableFunction, timeout: number) {
  if (!endpoint) throw new Error(`${name} has no endpoint and cannot have a route`);
  const path = routePath(endpoint);
  const match = path.includes("{")
    ? { type: "RegularExpression", value: path.replaceAll(/\{\w+\}/g, "[^/]+") }
    : { type: "Exact", value: path };
  return {
    name,
    matches: [{ method: endpoint.method, path: match }],
    filters: [{ type: "URLRewrite", urlRewrite: { hostname: `${name}.${namespace}.svc.cluster.local` } }],
    backendRefs: [{ name: "kourier-internal", namespace: "kourier-system", port: 80 }],
    // Above the timeout of the Service, whose answer names the cause. Envoy's default of 15 s would cut off a long list.
    timeouts: { request: `${timeout + timeoutMargin}s` },
  };
}
