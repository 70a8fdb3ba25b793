import { z } from 'zod';
import { TerminalError } from './errors.ts';

/** What every `config.ts` has in common: how the environment is read, and the variables that all processes know. */

export type Environment = Record<string, string | undefined>;

export const port = z.coerce.number().int().min(0).max(65_535);

/** Spread into the schema of a process, which then ends in `.superRefine(metricsNeedToken)`. */
export const processSettings = {
  KOPR_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('least severe level that is logged'),
  KOPR_METRICS_PORT: port.default(9090).describe('port of /healthz and /readyz, and of /metrics if they are on'),
  KOPR_METRICS: z.enum(['on', 'off']).default('off').describe('whether /metrics is served: on or off'),
  KOPR_METRICS_TOKEN_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('file with the bearer token that /metrics asks for, 16 characters or more; needed when metrics are on'),
};

/** Spread into the schema of a process that talks to the API server. */
export const apiServerSettings = {
  KUBECONFIG: z
    .string()
    .min(1)
    .optional()
    .describe('kubeconfig file; without it the service account of the pod is used'),
  KUBERNETES_SERVICE_HOST: z.string().min(1).optional().describe('set by Kubernetes: host of the API server'),
  KUBERNETES_SERVICE_PORT: z.string().min(1).optional().describe('set by Kubernetes: its port'),
};

/** A kubeconfig file, or host and port as a pod is told them; nothing when the process is not told of any API server. */
export interface ApiServer {
  kubeconfig?: string;
  serviceHost?: string;
  servicePort?: string;
}

interface ApiServerSettings {
  KUBECONFIG?: string | undefined;
  KUBERNETES_SERVICE_HOST?: string | undefined;
  KUBERNETES_SERVICE_PORT?: string | undefined;
}

export function apiServerOf(settings: ApiServerSettings): ApiServer {
  const {
    KUBECONFIG: kubeconfig,
    KUBERNETES_SERVICE_HOST: serviceHost,
    KUBERNETES_SERVICE_PORT: servicePort,
  } = settings;
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(serviceHost === undefined ? {} : { serviceHost }),
    ...(servicePort === undefined ? {} : { servicePort }),
  };
}

interface MetricsSettings {
  KOPR_METRICS: 'on' | 'off';
  KOPR_METRICS_TOKEN_FILE?: string | undefined;
}

/** Whoever reaches the port may be a build, and metrics tell of other tenants: there is no way to show them to everybody. */
export function metricsNeedToken(settings: MetricsSettings, context: z.RefinementCtx): void {
  if (settings.KOPR_METRICS === 'off' || settings.KOPR_METRICS_TOKEN_FILE !== undefined) return;
  context.addIssue({
    code: 'custom',
    path: ['KOPR_METRICS_TOKEN_FILE'],
    message: 'must be set, since metrics are on',
  });
}

/** The file with the token of /metrics, or undefined when they are off. */
export function metricsTokenFile(settings: MetricsSettings): string | undefined {
  return settings.KOPR_METRICS === 'on' ? settings.KOPR_METRICS_TOKEN_FILE : undefined;
}

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable: its name, what is wrong, what it is for. */
export function readSettings<Schema extends z.ZodObject>(schema: Schema, environment: Environment): z.output<Schema> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const issues = new Map<string, z.core.$ZodIssue>();
  for (const issue of parsed.error.issues) {
    const name = String(issue.path[0]);
    if (!issues.has(name)) issues.set(name, issue);
  }
  const lines = [...issues].map(([name, issue]) => {
    const missing = issue.code === 'invalid_type' && environment[name] === undefined;
    const purpose = descriptionOf(schema.shape[name]);
    return `  ${name}: ${missing ? 'must be set' : issue.message}${purpose === '' ? '' : ` (${purpose})`}`;
  });
  throw new TerminalError('BadConfiguration', ['the environment is not right:', ...lines].join('\n'));
}

/** What `--help` prints: a sentence on the process, then each variable with its description and default. */
export function settingsHelp(sentence: string, schema: z.ZodObject): string {
  const fields = Object.entries(schema.shape);
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = fields.map(([name, field]) => `  ${name.padEnd(width)} ${descriptionOf(field)}${standard(field)}`);
  return [
    sentence,
    '',
    'It takes no arguments but --help; everything is set in the environment:',
    ...lines.map((line) => line.trimEnd()),
    '',
  ].join('\n');
}

function descriptionOf(field: z.core.$ZodType | undefined): string {
  return field instanceof z.ZodType ? (field.description ?? '') : '';
}

function standard(field: z.core.$ZodType): string {
  const parsed = z.safeParse(field, undefined);
  if (!parsed.success) return ' (required)';
  const { data } = parsed;
  const text = Array.isArray(data) ? data.join(',') : typeof data === 'string' ? data : (JSON.stringify(data) ?? '');
  return text === '' ? '' : ` [${text}]`;
}
