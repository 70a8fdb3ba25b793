import { z } from 'zod';
import { TerminalError } from '../../lib/errors.ts';

const port = z.coerce.number().int().min(0).max(65535);
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

const schema = z.object({
  KOPR_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  KOPR_METRICS_PORT: port.default(9090),
  KOPR_DATA_DIR: z.string().startsWith('/').default('/data'),
  KOPR_HTTP_PORT: port.default(5001),
  KOPR_CONTROL_PORT: port.default(5011),
  KOPR_TOKEN_KEY_FILE: z.string().startsWith('/'),
  KOPR_SRPM_ORIGINS: origins,
  KOPR_MAX_SRPM_BYTES: count(64 * GIB).default(4 * GIB),
  KOPR_MAX_UNPACKED_BYTES: count(256 * GIB).default(16 * GIB),
  KOPR_IMPORT_DEADLINE_SECONDS: count(86_400).default(1200),
  KOPR_IMPORT_CONCURRENCY: count(64).default(4),
  KOPR_GIT_CONCURRENCY: count(1000).default(16),
  KOPR_GIT_PER_CLIENT: count(1000).default(4),
  KOPR_REQUESTS_PER_CLIENT: count(10_000).default(32),
  KOPR_PUBLIC_READS: z.enum(['true', 'false']).default('false'),
  KOPR_LOG_RETENTION_DAYS: count(3650).default(30),
});

export interface Config {
  logLevel: string;
  metricsPort: number;
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
  /** Whether git, lookaside and logs may be read without a token. */
  publicReads: boolean;
  logRetentionMs: number;
}

export const HELP = `kopr distgit: imports source RPMs into git and a content-addressed lookaside cache, and serves both read-only.

Usage: distgit [--help]        Everything is configured by environment variables:

  KOPR_DATA_DIR                 data directory, one file system (/data)
  KOPR_HTTP_PORT                reading: /git/, /repo/pkgs/, /per-task-logs/ (5001)
  KOPR_CONTROL_PORT             control API of the operator (5011)
  KOPR_METRICS_PORT             /metrics, /healthz, /readyz (9090)
  KOPR_TOKEN_KEY_FILE           file with the key of the tokens, at least 32 bytes (required)
  KOPR_SRPM_ORIGINS             comma list of URL prefixes SRPMs may be fetched from (required)
  KOPR_MAX_SRPM_BYTES           largest SRPM (4 GiB)
  KOPR_MAX_UNPACKED_BYTES       largest sum of the files in an SRPM (16 GiB)
  KOPR_IMPORT_DEADLINE_SECONDS  longest import (1200)
  KOPR_IMPORT_CONCURRENCY       imports at a time (4)
  KOPR_GIT_CONCURRENCY          git requests at a time (16)
  KOPR_GIT_PER_CLIENT           git requests at a time of one client address (4)
  KOPR_REQUESTS_PER_CLIENT      open requests of one client address (32)
  KOPR_PUBLIC_READS             "true": everybody may read; "false": only with a token for the package (false)
  KOPR_LOG_RETENTION_DAYS       age at which per-task logs and import records go (30)
  KOPR_LOG_LEVEL                trace, debug, info, warn, error or fatal (info)
`;

/** Rejects with TerminalError `BadConfiguration` that names every wrong variable. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new TerminalError('BadConfiguration', `${problems.join('; ')} (see --help)`);
  }
  const value = parsed.data;
  return {
    logLevel: value.KOPR_LOG_LEVEL,
    metricsPort: value.KOPR_METRICS_PORT,
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
    publicReads: value.KOPR_PUBLIC_READS === 'true',
    logRetentionMs: value.KOPR_LOG_RETENTION_DAYS * 86_400_000,
  };
}

export function environment(): Record<string, string | undefined> {
  return process.env;
}
