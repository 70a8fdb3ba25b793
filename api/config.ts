import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  type ApiServer,
  apiServerOf,
  apiServerSettings,
  type Environment,
  metricsNeedToken,
  metricsTokenFile,
  port,
  processSettings,
  readSettings,
  settingsHelp,
} from '../lib/settings.ts';
import { databaseURL } from './db/url.ts';
import type { SiteConfig } from './services.ts';

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));
const required = z.string().min(1);
const GIB = 1024 ** 3;

function count(max: number) {
  return z.coerce.number().int().min(1).max(max);
}

/** What the command line of accounts needs too; the rest is for serving alone. */
const accountVariables = {
  KOPR_LOG_LEVEL: processSettings.KOPR_LOG_LEVEL,
  KOPR_RELEASE_NAMESPACE: required.describe('namespace of kopr itself, with its counters'),
  KOPR_BUILDS_NAMESPACE: required.describe('namespace of builder pods; nobody can own it'),
  KOPR_FRONTEND_URL: url.describe('URL at which users reach this API'),
  KOPR_DATABASE_URL: required.optional().describe('postgres://user:password@host:port/name'),
  KOPR_DATABASE_URL_FILE: required.optional().describe('file that holds that URL'),
  KOPR_OWNER_TEMPLATE_FILE: required
    .optional()
    .describe('YAML list of the objects that the namespace of a new owner gets; without it none'),
  KOPR_TOKEN_DAYS: count(3650).default(180).describe('days for which a new API token is good'),
  ...apiServerSettings,
};

const accounts = z.object(accountVariables);

/** The settings of the process that serves. Every variable is set by the chart; the descriptions are what `--help` prints. */
const serving = z
  .object({
    ...accountVariables,
    ...processSettings,
    KOPR_HTTP_PORT: port.default(5000).describe('port of the API'),
    KOPR_RESULTS_URL: url.describe('public URL of the results tree'),
    KOPR_RESULTS_INTERNAL_URL: url.describe('URL of the results tree inside the cluster'),
    KOPR_PUBLISHER_URL: url.describe('URL of the publisher, with its port'),
    KOPR_UPLOAD_KEY_FILE: required.describe(
      'file with the key that tokens for uploads are signed with, 32 bytes or more',
    ),
    KOPR_MAX_UPLOAD_BYTES: count(1024 * GIB)
      .default(4 * GIB)
      .describe('size that one uploaded file may have'),
    KOPR_REDIS_URL: required.optional().describe('redis://…; without it live logs are read from the stored files'),
    KOPR_DATABASE_CONNECTIONS: count(100)
      .default(10)
      .describe('connections to the database at most, without the archiver’s'),
  })
  .superRefine(metricsNeedToken);

export const HELP = `${settingsHelp('api: serves the API of Copr over the resources of kopr.', serving)}
Accounts are managed by: api admin --help
`;

/** The process environment: read here and nowhere else. */
export function environment(): Environment {
  return process.env;
}

export interface AccountConfig {
  logLevel: string;
  releaseNamespace: string;
  buildsNamespace: string;
  frontendURL: string;
  /** Holds a password. */
  databaseURL: string;
  ownerTemplateFile: string | undefined;
  tokenDays: number;
  apiServer: ApiServer;
}

export interface ApiConfig extends AccountConfig {
  httpPort: number;
  metricsPort: number;
  metricsTokenFile: string | undefined;
  uploadKey: Buffer;
  /** Holds a password. */
  redisURL: string | undefined;
  databaseConnections: number;
  /** What handlers may see of all this. */
  site: SiteConfig;
}

/** For `admin`. Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function readAccountConfig(env: Environment): AccountConfig {
  return accountConfigOf(readSettings(accounts, env));
}

/** For `serve`. Throws the same. */
export function readConfig(env: Environment): ApiConfig {
  const e = readSettings(serving, env);
  const account = accountConfigOf(e);
  return {
    ...account,
    httpPort: e.KOPR_HTTP_PORT,
    metricsPort: e.KOPR_METRICS_PORT,
    metricsTokenFile: metricsTokenFile(e),
    uploadKey: readFileSync(e.KOPR_UPLOAD_KEY_FILE),
    redisURL: e.KOPR_REDIS_URL,
    databaseConnections: e.KOPR_DATABASE_CONNECTIONS,
    site: {
      frontendURL: account.frontendURL,
      resultsURL: e.KOPR_RESULTS_URL,
      resultsInternalURL: e.KOPR_RESULTS_INTERNAL_URL,
      publisherURL: e.KOPR_PUBLISHER_URL,
      releaseNamespace: account.releaseNamespace,
      buildsNamespace: account.buildsNamespace,
      maxUploadBytes: e.KOPR_MAX_UPLOAD_BYTES,
      tokenDays: account.tokenDays,
    },
  };
}

function accountConfigOf(e: z.output<typeof accounts>): AccountConfig {
  return {
    logLevel: e.KOPR_LOG_LEVEL,
    releaseNamespace: e.KOPR_RELEASE_NAMESPACE,
    buildsNamespace: e.KOPR_BUILDS_NAMESPACE,
    frontendURL: e.KOPR_FRONTEND_URL,
    databaseURL: databaseURL({ url: e.KOPR_DATABASE_URL, file: e.KOPR_DATABASE_URL_FILE }),
    ownerTemplateFile: e.KOPR_OWNER_TEMPLATE_FILE,
    tokenDays: e.KOPR_TOKEN_DAYS,
    apiServer: apiServerOf(e),
  };
}
