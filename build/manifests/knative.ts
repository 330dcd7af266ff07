import { type DeployableFunction, routePath } from "../functions.ts";

/** The namespace of everything; the gateway's routes name it. */
export const namespace = "dms";
/** A Gateway API limit: rules of one HTTPRoute. */
export const maxRules = 16;

const partOf = { "app.kubernetes.io/part-of": "dms-frontend" };

/** How a room's functions scale. Times in seconds. */
const scales = {
  user: { minScale: 0, maxScale: 20, concurrency: 100, timeout: 60, cpu: "100m", memory: "128Mi" },
  operator: { minScale: 0, maxScale: 3, concurrency: 50, timeout: 60, cpu: "50m", memory: "128Mi" },
  meta: { minScale: 0, maxScale: 3, concurrency: 100, timeout: 10, cpu: "50m", memory: "128Mi" },
  background: { minScale: 0, maxScale: 5, concurrency: 100, timeout: 300, cpu: "100m", memory: "192Mi" },
} as const;
type Room = keyof typeof scales;

/** The room under `functions/` that a function stands in. */
export function roomOf({ file }: DeployableFunction): Room {
  const room = file.split(/[\\/]/)[1] ?? "";
  if (!Object.hasOwn(scales, room)) throw new Error(`${file} is in no room that can be deployed`);
  return room as Room;
}

/** The Knative Service of a function. */
export function knativeService(fn: DeployableFunction) {
  const scale = scales[roomOf(fn)];
  const labels = { ...partOf, "app.kubernetes.io/name": fn.name, "app.kubernetes.io/component": roomOf(fn) };
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name: fn.name,
      // The gateway reaches the functions from within; nothing else may.
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
    // Without Redis a function still answers, 503 with a detail, so that clients are told what is wrong. Without a period
    // Knative probes many times a second until the first answer, so that a cold start is not longer than it is.
    readinessProbe: { httpGet: { path: "/livez" } },
    livenessProbe: { httpGet: { path: "/livez" }, periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu, memory }, limits: { cpu: "1", memory: "256Mi" } },
    // Of the container, because Knative refuses one of the pod where no feature flag allows it.
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}

/** The route of a room: each method and path to its function, by way of Knative's gateway inside the cluster. */
export function httpRoute(room: Room, functions: readonly DeployableFunction[]) {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: `dms-${room}`, labels: partOf },
    spec: {
      parentRefs: [{ name: "dms" }],
      rules: functions.map((fn) => rule(fn, scales[room].timeout)),
    },
  };
}

function rule({ name, endpoint }: DeployableFunction, timeout: number) {
  if (!endpoint) throw new Error(`${name} has no endpoint to be routed to`);
  const path = routePath(endpoint);
  const match = path.includes("{")
    ? { type: "RegularExpression", value: path.replaceAll(/\{\w+\}/g, "[^/]+") }
    : { type: "Exact", value: path };
  return {
    name,
    matches: [{ method: endpoint.method, path: match }],
    filters: [{ type: "URLRewrite", urlRewrite: { hostname: `${name}.${namespace}.svc.cluster.local` } }],
    backendRefs: [{ name: "kourier-internal", namespace: "kourier-system", port: 80 }],
    // The Service's own; Envoy's is 15 s, which would cut off a long list.
    timeouts: { request: `${timeout}s` },
  };
}
