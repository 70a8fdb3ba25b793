import { readFileSync } from 'node:fs';
import { z } from 'zod';

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));

const hostAliases = z.array(z.object({ ip: z.string(), hostnames: z.array(z.string()).min(1) }));

/** The operator's settings. Every variable is set by the chart; the comments there are its documentation. */
const variables = z.object({
  KOPR_RELEASE_NAMESPACE: z.string().min(1),
  KOPR_BUILDS_NAMESPACE: z.string().min(1),
  KOPR_POD_NAME: z.string().min(1),
  KOPR_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  KOPR_METRICS_PORT: z.coerce.number().int().min(0).max(65535).default(9090),
  KOPR_TOKEN_KEY_FILE: z.string().min(1),
  KOPR_PUBLISHER_URL: url,
  KOPR_DISTGIT_URL: url,
  KOPR_DISTGIT_CONTROL_URL: url,
  KOPR_RESULTS_URL: url,
  KOPR_RESULTS_INTERNAL_URL: url,
  KOPR_BUILDER_IMAGE: z.string().min(1),
  KOPR_BUILDER_IMAGE_PULL_POLICY: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  KOPR_BUILDER_HOST_ALIASES: z
    .string()
    .default('[]')
    .transform((text, context) => {
      try {
        return hostAliases.parse(JSON.parse(text));
      } catch {
        context.addIssue({
          code: 'custom',
          message: 'expected JSON such as [{"ip": "10.0.0.1", "hostnames": ["mirror"]}]',
        });
        return z.NEVER;
      }
    }),
  KOPR_VENDOR: z.string().max(128).default('kopr'),
  /** Outside a cluster: a kubeconfig file. Inside, the pod's service account is used. */
  KUBECONFIG: z.string().min(1).optional(),
  KUBERNETES_SERVICE_HOST: z.string().min(1).optional(),
  KUBERNETES_SERVICE_PORT: z.string().min(1).optional(),
});

export const HELP = `operator: runs the controllers of kopr

It takes no arguments; everything is set in the environment (the Helm chart does that):
${Object.keys(variables.shape)
  .map((name) => `  ${name}\n`)
  .join('')}
It serves /healthz, /readyz and /metrics on KOPR_METRICS_PORT and ends cleanly on SIGTERM.
`;

/** The process environment: read here and nowhere else. */
export function environment(): Record<string, string | undefined> {
  return process.env;
}

export interface OperatorConfig {
  releaseNamespace: string;
  buildsNamespace: string;
  podName: string;
  logLevel: string;
  metricsPort: number;
  tokenKey: Buffer;
  publisherURL: string;
  distgitURL: string;
  distgitControlURL: string;
  resultsURL: string;
  resultsInternalURL: string;
  builderImage: string;
  builderImagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  hostAliases: { ip: string; hostnames: string[] }[];
  vendor: string;
  kubeconfig: string | undefined;
  apiServer: { host: string; port: string } | undefined;
}

/** Throws an Error whose message has one line for each variable that is wrong. */
export function readConfig(env: Record<string, string | undefined>): OperatorConfig {
  const parsed = variables.safeParse(env);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the environment of the operator is not right:\n${lines.join('\n')}`);
  }
  const e = parsed.data;
  return {
    releaseNamespace: e.KOPR_RELEASE_NAMESPACE,
    buildsNamespace: e.KOPR_BUILDS_NAMESPACE,
    podName: e.KOPR_POD_NAME,
    logLevel: e.KOPR_LOG_LEVEL,
    metricsPort: e.KOPR_METRICS_PORT,
    tokenKey: readFileSync(e.KOPR_TOKEN_KEY_FILE),
    publisherURL: e.KOPR_PUBLISHER_URL,
    distgitURL: e.KOPR_DISTGIT_URL,
    distgitControlURL: e.KOPR_DISTGIT_CONTROL_URL,
    resultsURL: e.KOPR_RESULTS_URL,
    resultsInternalURL: e.KOPR_RESULTS_INTERNAL_URL,
    builderImage: e.KOPR_BUILDER_IMAGE,
    builderImagePullPolicy: e.KOPR_BUILDER_IMAGE_PULL_POLICY,
    hostAliases: e.KOPR_BUILDER_HOST_ALIASES,
    vendor: e.KOPR_VENDOR,
    kubeconfig: e.KUBECONFIG,
    apiServer:
      e.KUBERNETES_SERVICE_HOST && e.KUBERNETES_SERVICE_PORT
        ? { host: e.KUBERNETES_SERVICE_HOST, port: e.KUBERNETES_SERVICE_PORT }
        : undefined,
  };
}
