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
} from '../../lib/settings.ts';

const required = z.string().min(1);

/** Every variable is set by the chart; the descriptions are what `--help` prints. */
const variables = z
  .object({
    KOPR_HTTP_PORT: port.default(49_100).describe('port of XML-RPC'),
    KOPR_RELEASE_NAMESPACE: required.describe('namespace of kopr itself, which the tickets are made in'),
    KOPR_AUTH: z
      .enum(['basic', 'none'])
      .default('basic')
      .describe('basic: only clients with the password; none: everybody who reaches the port'),
    KOPR_PASSWORD_FILE: required
      .optional()
      .describe('file with that password, 16 characters or more; needed unless KOPR_AUTH is none'),
    KOPR_MAX_WAITERS: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(500)
      .describe('clients that may be in waitTicket at the same time'),
    ...processSettings,
    ...apiServerSettings,
  })
  .superRefine(metricsNeedToken)
  .superRefine((settings, context) => {
    if (settings.KOPR_AUTH === 'none' || settings.KOPR_PASSWORD_FILE !== undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['KOPR_PASSWORD_FILE'],
      message: 'must be set, unless KOPR_AUTH=none lets everybody in',
    });
  });

export const HELP = settingsHelp(
  'resalloc: lends builder machines to clients of Resalloc (XML-RPC), such as the backend of another Copr.',
  variables,
);

export interface Config {
  logLevel: string;
  httpPort: number;
  metricsPort: number;
  metricsTokenFile: string | undefined;
  releaseNamespace: string;
  /** Undefined: everybody is let in. */
  passwordFile: string | undefined;
  maxWaiters: number;
  apiServer: ApiServer;
}

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function readConfig(env: Environment): Config {
  const e = readSettings(variables, env);
  return {
    logLevel: e.KOPR_LOG_LEVEL,
    httpPort: e.KOPR_HTTP_PORT,
    metricsPort: e.KOPR_METRICS_PORT,
    metricsTokenFile: metricsTokenFile(e),
    releaseNamespace: e.KOPR_RELEASE_NAMESPACE,
    passwordFile: e.KOPR_AUTH === 'none' ? undefined : e.KOPR_PASSWORD_FILE,
    maxWaiters: e.KOPR_MAX_WAITERS,
    apiServer: apiServerOf(e),
  };
}

export function environment(): Environment {
  return process.env;
}
