import { z } from 'zod';
import type { Environment } from '../../lib/settings.ts';
import { metricsNeedToken, port, processSettings, readSettings, settingsHelp } from '../../lib/settings.ts';

/** The publisher's settings. The descriptions are what `--help` prints. */

const count = (max: number) => z.coerce.number().int().min(1).max(max);
/** Bases never end in a slash, so that a path can be put behind them. */
const baseURL = z
  .string()
  .regex(/^https?:\/\//, 'must be an http(s) URL')
  .refine((text) => URL.canParse(text), 'must be an http(s) URL')
  .transform((text) => text.replace(/\/+$/, ''));

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export const configSchema = z
  .object({
    KOPR_DATA_DIR: z
      .string()
      .startsWith('/')
      .default('/data')
      .describe('directory of results, uploads and state; one file system'),
    KOPR_HTTP_PORT: port.default(5012).describe('port of the ingest and control APIs'),
    ...processSettings,
    KOPR_TOKEN_KEY_FILE: z.string().describe('file with the key that bearer tokens are signed with, 32 bytes or more'),
    KOPR_UPLOAD_KEY_FILE: z
      .string()
      .min(1)
      .optional()
      .describe(
        'file with the key that tokens for uploads are signed with, 32 bytes or more; without it there are no uploads',
      ),
    KOPR_RESULTS_URL: baseURL.describe('public URL of the results tree, such as http://kopr-results:5002/results'),
    KOPR_FRONTEND_URL: baseURL
      .optional()
      .describe('public URL that /coprs/OWNER/PROJECT/repo/… is below; without it the origin of KOPR_RESULTS_URL'),
    KOPR_SIGN_DOMAIN: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/, 'must be a domain name')
      .describe('domain of signing identities OWNER#PROJECT@copr.DOMAIN'),
    KOPR_KEYGEN_HOST: z.string().describe('host of keygen'),
    KOPR_KEYGEN_SIGND_PORT: port.default(5167).describe('port of keygen for the signd protocol over TLS'),
    KOPR_KEYGEN_HTTP_PORT: port.default(5003).describe('port of keygen-httpd'),
    KOPR_TLS_CERT: z.string().describe('PEM file with the client certificate shown to keygen'),
    KOPR_TLS_KEY: z.string().describe('PEM file with its private key'),
    KOPR_TLS_CA: z.string().describe('PEM file with the authority of the certificate of keygen'),
    KOPR_MAX_FILE_BYTES: count(1024 * GIB)
      .default(8 * GIB)
      .describe('largest file a task may upload'),
    KOPR_MAX_TASK_BYTES: count(1024 * GIB)
      .default(16 * GIB)
      .describe('most bytes a task may upload in all'),
    KOPR_MAX_UPLOAD_BYTES: count(1024 * GIB)
      .default(8 * GIB)
      .describe('largest source package a user may upload'),
    KOPR_REDIS_URL: z
      .string()
      .regex(/^rediss?:\/\//, 'must be a redis:// or rediss:// URL')
      .optional()
      .describe(
        'redis:// or rediss:// URL of the Redis that live logs are passed on to; without it they are only stored',
      ),
    KOPR_MAX_LOG_BYTES: count(1024 * GIB)
      .default(64 * MIB)
      .describe('most bytes that are kept of a live log'),
    KOPR_MIN_FREE_BYTES: z.coerce
      .number()
      .int()
      .min(0)
      .default(256 * MIB)
      .describe('free space below which uploads are refused, so that publications under way can end'),
    KOPR_CREATEREPO_CONCURRENCY: count(64).default(2).describe('createrepo_c runs at once, over all repositories'),
    KOPR_CREATEREPO_WORKERS: count(64).default(2).describe('threads of one createrepo_c run'),
    KOPR_PUBLISH_CONCURRENCY: count(64).default(4).describe('publications that are checked and signed at once'),
    KOPR_STAGING_DAYS: count(365).default(7).describe('days after which an upload nobody published is removed'),
    KOPR_RECORD_DAYS: count(3650).default(30).describe('days for which the answer to a publication request is kept'),
  })
  .superRefine(metricsNeedToken);

export type Config = z.infer<typeof configSchema>;

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function readConfig(environment: Environment): Config {
  return readSettings(configSchema, environment);
}

export function environment(): Environment {
  return process.env;
}

/** Base of the `.repo` URLs: `<this>/coprs/OWNER/PROJECT/repo/…`. */
export function frontendURL(config: Pick<Config, 'KOPR_FRONTEND_URL' | 'KOPR_RESULTS_URL'>): string {
  return config.KOPR_FRONTEND_URL ?? new URL(config.KOPR_RESULTS_URL).origin;
}

export function helpText(): string {
  return settingsHelp(
    'publisher: receives the results of builds, signs packages and publishes repositories.',
    configSchema,
  );
}
