import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ApiServer, Environment } from '../lib/settings.ts';
import {
  apiServerOf,
  apiServerSettings,
  metricsNeedToken,
  metricsTokenFile,
  processSettings,
  readSettings,
  settingsHelp,
} from '../lib/settings.ts';

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));

const hostAliases = z.array(z.object({ ip: z.string(), hostnames: z.array(z.string()).min(1) }));

const required = z.string().min(1);

/** The operator's settings. Every variable is set by the chart; the descriptions are what `--help` prints. */
const variables = z
  .object({
    KOPR_RELEASE_NAMESPACE: required.describe('namespace of kopr itself, with the lease of its leader'),
    KOPR_BUILDS_NAMESPACE: required.describe('namespace of builder pods'),
    KOPR_POD_NAME: required.describe('name of the pod that this process runs in'),
    ...processSettings,
    KOPR_TOKEN_KEY_FILE: required.describe('file with the key that tokens are signed with, 32 bytes or more'),
    KOPR_PUBLISHER_URL: url.describe('URL of the publisher, with its port'),
    KOPR_DISTGIT_URL: url.describe('URL at which builds fetch from distgit'),
    KOPR_DISTGIT_CONTROL_URL: url.describe('URL of the control API of distgit'),
    KOPR_RESULTS_URL: url.describe('public URL of the results tree'),
    KOPR_RESULTS_INTERNAL_URL: url.describe('URL of the results tree inside the cluster'),
    KOPR_BUILDER_IMAGE: required.describe('image of builder pods'),
    KOPR_BUILDER_IMAGE_PULL_POLICY: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .describe('when that image is pulled'),
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
      })
      .describe('names that builder pods know without DNS, as in the spec of a pod'),
    KOPR_PLACEHOLDER_PRIORITY_CLASS: z
      .string()
      .min(1)
      .default('kopr-placeholder')
      .describe('PriorityClass of placeholder pods, below that of builder pods'),
    KOPR_ARCHIVE: z
      .enum(['required', 'none'])
      .default('none')
      .describe('required: finished builds are kept until the history of the API has them'),
    KOPR_UPLOAD_HOURS: z.coerce
      .number()
      .int()
      .min(1)
      .max(8760)
      .default(24)
      .describe('hours for which an upload is kept that no build names'),
    KOPR_VENDOR: z.string().max(128).default('kopr').describe('vendor of all packages'),
    ...apiServerSettings,
  })
  .superRefine(metricsNeedToken);

export const HELP = settingsHelp('operator: runs the controllers of kopr.', variables);

/** The process environment: read here and nowhere else. */
export function environment(): Environment {
  return process.env;
}

export interface OperatorConfig {
  releaseNamespace: string;
  buildsNamespace: string;
  podName: string;
  logLevel: string;
  metricsPort: number;
  metricsTokenFile: string | undefined;
  tokenKey: Buffer;
  publisherURL: string;
  distgitURL: string;
  distgitControlURL: string;
  resultsURL: string;
  resultsInternalURL: string;
  builderImage: string;
  builderImagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  hostAliases: { ip: string; hostnames: string[] }[];
  placeholderPriorityClass: string;
  archive: 'required' | 'none';
  uploadHours: number;
  vendor: string;
  apiServer: ApiServer;
}

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function readConfig(env: Environment): OperatorConfig {
  const e = readSettings(variables, env);
  return {
    releaseNamespace: e.KOPR_RELEASE_NAMESPACE,
    buildsNamespace: e.KOPR_BUILDS_NAMESPACE,
    podName: e.KOPR_POD_NAME,
    logLevel: e.KOPR_LOG_LEVEL,
    metricsPort: e.KOPR_METRICS_PORT,
    metricsTokenFile: metricsTokenFile(e),
    tokenKey: readFileSync(e.KOPR_TOKEN_KEY_FILE),
    publisherURL: e.KOPR_PUBLISHER_URL,
    distgitURL: e.KOPR_DISTGIT_URL,
    distgitControlURL: e.KOPR_DISTGIT_CONTROL_URL,
    resultsURL: e.KOPR_RESULTS_URL,
    resultsInternalURL: e.KOPR_RESULTS_INTERNAL_URL,
    builderImage: e.KOPR_BUILDER_IMAGE,
    builderImagePullPolicy: e.KOPR_BUILDER_IMAGE_PULL_POLICY,
    hostAliases: e.KOPR_BUILDER_HOST_ALIASES,
    placeholderPriorityClass: e.KOPR_PLACEHOLDER_PRIORITY_CLASS,
    archive: e.KOPR_ARCHIVE,
    uploadHours: e.KOPR_UPLOAD_HOURS,
    vendor: e.KOPR_VENDOR,
    apiServer: apiServerOf(e),
  };
}
