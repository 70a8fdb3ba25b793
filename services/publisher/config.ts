import { z } from 'zod';

/** The publisher's settings. The descriptions are what `--help` prints. */

const port = z.coerce.number().int().min(0).max(65_535);
const count = (max: number) => z.coerce.number().int().min(1).max(max);
const file = z.string({ error: 'must name a file' });
/** Bases never end in a slash, so that a path can be put behind them. */
const baseURL = z
  .string({ error: 'must be an http(s) URL' })
  .regex(/^https?:\/\//, 'must be an http(s) URL')
  .refine((text) => URL.canParse(text), 'must be an http(s) URL')
  .transform((text) => text.replace(/\/+$/, ''));

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export const configSchema = z.object({
  KOPR_DATA_DIR: z
    .string()
    .startsWith('/')
    .default('/data')
    .describe('directory of results, uploads and state; one file system'),
  KOPR_HTTP_PORT: port.default(5012).describe('port of the ingest and control APIs'),
  KOPR_METRICS_PORT: port.default(9090).describe('port of /metrics, /healthz and /readyz'),
  KOPR_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('least severe level that is logged'),
  KOPR_TOKEN_KEY_FILE: file.describe('file with the key that bearer tokens are signed with, 32 bytes or more'),
  KOPR_RESULTS_URL: baseURL.describe('public URL of the results tree, such as http://kopr-results:5002/results'),
  KOPR_FRONTEND_URL: baseURL
    .optional()
    .describe('public URL that /coprs/OWNER/PROJECT/repo/… is below; without it the origin of KOPR_RESULTS_URL'),
  KOPR_SIGN_DOMAIN: z
    .string({ error: 'must be a domain name' })
    .regex(/^[A-Za-z0-9.-]+$/, 'must be a domain name')
    .describe('domain of signing identities OWNER#PROJECT@copr.DOMAIN'),
  KOPR_KEYGEN_HOST: z.string({ error: 'must name a host' }).describe('host of keygen'),
  KOPR_KEYGEN_SIGND_PORT: port.default(5167).describe('port of keygen for the signd protocol over TLS'),
  KOPR_KEYGEN_HTTP_PORT: port.default(5003).describe('port of keygen-httpd'),
  KOPR_TLS_CERT: file.describe('PEM file with the client certificate shown to keygen'),
  KOPR_TLS_KEY: file.describe('PEM file with its private key'),
  KOPR_TLS_CA: file.describe('PEM file with the authority of the certificate of keygen'),
  KOPR_MAX_FILE_BYTES: count(1024 * GIB)
    .default(8 * GIB)
    .describe('largest file a task may upload'),
  KOPR_MAX_TASK_BYTES: count(1024 * GIB)
    .default(16 * GIB)
    .describe('most bytes a task may upload in all'),
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
});

export type Config = z.infer<typeof configSchema>;

/** Reads the settings. Throws one sentence that names every wrong variable. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const result = configSchema.safeParse(environment);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`the environment is not usable: ${lines.join('; ')}`);
}

export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Base of the `.repo` URLs: `<this>/coprs/OWNER/PROJECT/repo/…`. */
export function frontendURL(config: Pick<Config, 'KOPR_FRONTEND_URL' | 'KOPR_RESULTS_URL'>): string {
  return config.KOPR_FRONTEND_URL ?? new URL(config.KOPR_RESULTS_URL).origin;
}

export function helpText(): string {
  const lines = Object.entries(configSchema.shape).map(([name, field]) => {
    const standard = field.safeParse(undefined);
    const value = standard.success ? (standard.data === undefined ? '' : ` [${String(standard.data)}]`) : ' (required)';
    return `  ${name.padEnd(28)} ${field.description ?? ''}${value}`;
  });
  return [
    'publisher: receives the results of builds, signs packages and publishes repositories.',
    '',
    'It takes no arguments but --help; everything is set in the environment:',
    ...lines,
    '',
  ].join('\n');
}
