import { z } from 'zod';
import type { ApiServer, Environment } from '../../lib/settings.ts';
import { apiServerOf, apiServerSettings, processSettings, readSettings } from '../../lib/settings.ts';

const schema = z.object({
  KOPR_LOG_LEVEL: processSettings.KOPR_LOG_LEVEL,
  /** apply: after an installation or upgrade; drain: before an uninstallation. */
  KOPR_ACTION: z.enum(['apply', 'drain']),
  KOPR_OBJECTS_FILE: z.string().min(1),
  KOPR_RELEASE: z.string().min(1),
  KOPR_RELEASE_NAMESPACE: z.string().min(1),
  KOPR_BUILDS_NAMESPACE: z.string().min(1),
  KOPR_TIMEOUT_SECONDS: z.coerce.number().int().min(1).max(86_400).default(180),
  ...apiServerSettings,
});

export interface Config {
  logLevel: string;
  action: 'apply' | 'drain';
  objectsFile: string;
  release: string;
  releaseNamespace: string;
  buildsNamespace: string;
  timeoutMs: number;
  apiServer: ApiServer;
}

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function readConfig(env: Environment): Config {
  const e = readSettings(schema, env);
  return {
    logLevel: e.KOPR_LOG_LEVEL,
    action: e.KOPR_ACTION,
    objectsFile: e.KOPR_OBJECTS_FILE,
    release: e.KOPR_RELEASE,
    releaseNamespace: e.KOPR_RELEASE_NAMESPACE,
    buildsNamespace: e.KOPR_BUILDS_NAMESPACE,
    timeoutMs: e.KOPR_TIMEOUT_SECONDS * 1000,
    apiServer: apiServerOf(e),
  };
}

export function environment(): Environment {
  return process.env;
}
