import type { BlockList } from 'node:net';
import { z } from 'zod';
import type { Environment } from '../../lib/settings.ts';
import {
  metricsNeedToken,
  metricsTokenFile,
  port,
  processSettings,
  readSettings,
  settingsHelp,
} from '../../lib/settings.ts';
import { networks } from './client-limit.ts';

const count = (max: number) => z.coerce.number().int().min(1).max(max);
const GIB = 1024 ** 3;

/** Bases end in a slash: `http://results/a` must not allow `http://results/ab`. */
const origins = z.string().transform((text, context) => {
  const bases: string[] = [];
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    if (!/^https?:\/\//.test(item) || !URL.canParse(item)) {
      context.addIssue(`"${item}" is not an http(s) URL`);
      return z.NEVER;
    }
    const { href } = new URL(item);
    bases.push(href.endsWith('/') ? href : `${href}/`);
  }
  if (bases.length > 0) return bases;
  context.addIssue('it lists no URL prefix, so no SRPM could ever be imported');
  return z.NEVER;
});

const proxies = z.string().transform((text, context) => {
  const items = text.split(',').map((part) => part.trim());
  const list = networks(items.filter((item) => item !== ''));
  if (typeof list !== 'string') return list;
  context.addIssue(list);
  return z.NEVER;
});

/** The descriptions are what `--help` prints. */
export const configSchema = z
  .object({
    KOPR_DATA_DIR: z.string().startsWith('/').default('/data').describe('data directory, one file system'),
    KOPR_HTTP_PORT: port.default(5001).describe('port of reading: /git/, /repo/pkgs/, /per-task-logs/'),
    KOPR_CONTROL_PORT: port.default(5011).describe('port of the control API for the operator'),
    ...processSettings,
    KOPR_TOKEN_KEY_FILE: z.string().startsWith('/').describe('file with the key of the tokens, 32 bytes or more'),
    KOPR_SRPM_ORIGINS: origins.describe('URL prefixes that SRPMs may be fetched from, separated by commas'),
    KOPR_MAX_SRPM_BYTES: count(64 * GIB)
      .default(4 * GIB)
      .describe('size of the largest SRPM, in bytes'),
    KOPR_MAX_UNPACKED_BYTES: count(256 * GIB)
      .default(16 * GIB)
      .describe('largest sum of the files in an SRPM, in bytes'),
    KOPR_IMPORT_DEADLINE_SECONDS: count(86_400).default(1200).describe('seconds within which an import must end'),
    KOPR_IMPORT_CONCURRENCY: count(64).default(4).describe('imports at a time'),
    KOPR_GIT_CONCURRENCY: count(1000).default(16).describe('git requests at a time'),
    KOPR_GIT_PER_CLIENT: count(1000).default(4).describe('git requests at a time of one client address'),
    KOPR_REQUESTS_PER_CLIENT: count(10_000).default(32).describe('open requests of one client address'),
    KOPR_TRUSTED_PROXIES: proxies
      .prefault('')
      .describe('proxies whose X-Forwarded-For names the client: addresses and networks, separated by commas'),
    KOPR_PUBLIC_READS: z
      .enum(['true', 'false'])
      .default('false')
      .describe('"true": everybody may read; "false": only with a token for the package'),
    KOPR_LOG_RETENTION_DAYS: count(3650).default(30).describe('days after which per-task logs and import records go'),
  })
  .superRefine(metricsNeedToken);

export interface Config {
  logLevel: string;
  metricsPort: number;
  metricsTokenFile: string | undefined;
  dataDir: string;
  httpPort: number;
  controlPort: number;
  tokenKeyFile: string;
  /** URL prefixes, normalised, each ending in a slash. */
  srpmOrigins: string[];
  maxSrpmBytes: number;
  maxUnpackedBytes: number;
  importDeadlineMs: number;
  importConcurrency: number;
  gitConcurrency: number;
  /** Git requests of one client address, running or waiting. */
  gitPerClient: number;
  /** Open requests of one client address on the public port. */
  requestsPerClient: number;
  trustedProxies: BlockList;
  /** Whether git, lookaside and logs may be read without a token. */
  publicReads: boolean;
  logRetentionMs: number;
}

export const HELP = settingsHelp(
  'distgit: imports source RPMs into git and a content-addressed lookaside cache, and serves both read-only.',
  configSchema,
);

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function loadConfig(env: Environment): Config {
  const value = readSettings(configSchema, env);
  return {
    logLevel: value.KOPR_LOG_LEVEL,
    metricsPort: value.KOPR_METRICS_PORT,
    metricsTokenFile: metricsTokenFile(value),
    dataDir: value.KOPR_DATA_DIR,
    httpPort: value.KOPR_HTTP_PORT,
    controlPort: value.KOPR_CONTROL_PORT,
    tokenKeyFile: value.KOPR_TOKEN_KEY_FILE,
    srpmOrigins: value.KOPR_SRPM_ORIGINS,
    maxSrpmBytes: value.KOPR_MAX_SRPM_BYTES,
    maxUnpackedBytes: value.KOPR_MAX_UNPACKED_BYTES,
    importDeadlineMs: value.KOPR_IMPORT_DEADLINE_SECONDS * 1000,
    importConcurrency: value.KOPR_IMPORT_CONCURRENCY,
    gitConcurrency: value.KOPR_GIT_CONCURRENCY,
    gitPerClient: value.KOPR_GIT_PER_CLIENT,
    requestsPerClient: value.KOPR_REQUESTS_PER_CLIENT,
    trustedProxies: value.KOPR_TRUSTED_PROXIES,
    publicReads: value.KOPR_PUBLIC_READS === 'true',
    logRetentionMs: value.KOPR_LOG_RETENTION_DAYS * 86_400_000,
  };
}

export function environment(): Environment {
  return process.env;
}
