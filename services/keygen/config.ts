import { z } from 'zod';
import type { Environment } from '../../lib/settings.ts';
import { metricsNeedToken, port, processSettings, readSettings, settingsHelp } from '../../lib/settings.ts';

/** keygen's settings. The descriptions are what `--help` prints. */

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export const configSchema = z
  .object({
    KOPR_DATA_DIR: z.string().default('/data').describe('directory of the keys and the audit log'),
    KOPR_MASTER_KEY_FILE: z
      .string()
      .describe('file with the master key, 32 bytes or more, used as it is; private keys are encrypted under it'),
    KOPR_TLS_CERT: z.string().describe('PEM file with the certificate of this server'),
    KOPR_TLS_KEY: z.string().describe('PEM file with its private key'),
    KOPR_TLS_CA: z.string().describe('PEM file with the authority of client certificates'),
    KOPR_ALLOWED_SUBJECTS: list
      .prefault('kopr-publisher')
      .refine((names) => names.length > 0, 'must name at least one common name')
      .describe('common names of the client certificates that may use keygen, separated by commas'),
    KOPR_SIGND_PORT: port.default(5167).describe('port of the signd protocol over TLS'),
    KOPR_HTTP_PORT: port.default(5003).describe('port of keygen-httpd (HTTPS)'),
    KOPR_PLAIN_PORT: port.default(0).describe('port of the signd protocol over plain TCP; 0 turns it off'),
    KOPR_PLAIN_PEERS: list
      .prefault('')
      .describe('networks (CIDR) whose hosts may use the plain port, separated by commas; empty allows none'),
    KOPR_KEY_BITS: z.coerce
      .number()
      .pipe(z.union([z.literal(2048), z.literal(3072), z.literal(4096)]))
      .prefault(4096)
      .describe('size of new RSA keys: 2048, 3072 or 4096'),
    KOPR_SIGN_WORKERS: z.coerce.number().int().min(1).max(64).default(2).describe('threads that make signatures'),
    KOPR_MAX_CONNECTIONS: z.coerce.number().int().min(1).max(10_000).default(256).describe('connections per port'),
    KOPR_AUDIT_MAX_BYTES: z.coerce
      .number()
      .int()
      .min(4_096)
      .default(64 * 1024 * 1024)
      .describe('size at which audit.log is set aside as audit.log.1'),
    KOPR_AUDIT_FILES: z.coerce
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(10)
      .describe('how many older audit logs are kept'),
    ...processSettings,
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

export function helpText(): string {
  return settingsHelp(
    'keygen: makes and keeps the signing keys of projects and signs digests (obs-signd protocol).',
    configSchema,
  );
}
