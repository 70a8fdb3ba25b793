import { z } from 'zod';
import { MACHINE_VARIABLE, sshPaths } from '../lib/protocol/machine.ts';
import { podPaths } from '../lib/protocol/task.ts';
import type { Environment } from '../lib/settings.ts';
import { processSettings, readSettings } from '../lib/settings.ts';

const GIB = 1024 ** 3;
const bytes = (fallback: number) => z.coerce.number().int().positive().default(fallback);

const variables = z.object({
  KOPR_LOG_LEVEL: processSettings.KOPR_LOG_LEVEL,
  KOPR_TASK_FILE: z.string().default(podPaths.task).describe('file with the task'),
  KOPR_TOKEN_FILE: z.string().default(podPaths.token).describe('file with the token that the publisher is shown'),
  KOPR_SOURCE_TOKEN_FILE: z
    .string()
    .default(podPaths.sourceToken)
    .describe('file with the token that fetch shows to distgit; when it is not there, distgit asks for nothing'),
  KOPR_WORK_DIR: z.string().default(podPaths.work).describe('directory for inputs and for what is built'),
  KOPR_RESULTS_DIR: z.string().default(podPaths.results).describe('directory for logs, packages and the verdict'),
  KOPR_CONTROL_DIR: z.string().default(podPaths.control).describe('directory where agent says what was uploaded'),
  KOPR_ENGINES_DIR: z.string().default('/opt/kopr/engines').describe('directory with the engine scripts'),
  [MACHINE_VARIABLE]: z.string().default('').describe('the machine that builds, as JSON (lib/protocol/machine.ts)'),
  KOPR_SSH_KEY_FILE: z.string().default(sshPaths.key).describe('file with the private key that the machine lets in'),
  KOPR_KNOWN_HOSTS_FILE: z
    .string()
    .default(sshPaths.knownHosts)
    .describe('known_hosts with the host key of the machine, unless KOPR_MACHINE names it; may be absent'),
  KOPR_FAR_DIR: z.string().default('/opt/kopr/far').describe('directory with the scripts that run on machines'),
  KOPR_MAX_SOURCE_BYTES: bytes(4 * GIB).describe('most bytes of one downloaded source file or SRPM'),
  // As much as the publisher takes by default.
  KOPR_MAX_FILE_BYTES: bytes(8 * GIB).describe('most bytes of one result file'),
  KOPR_MAX_TASK_BYTES: bytes(16 * GIB).describe('most bytes of all result files'),
  // Never the cause of a failure.
  KOPR_MAX_LOG_BYTES: bytes(100 * 1024 ** 2).describe('bytes after which a log is cut'),
  KOPR_UPLOAD_SECONDS: z.coerce
    .number()
    .int()
    .positive()
    .default(1800)
    .describe('seconds that the upload of a finished task may take'),
});

export interface BuilderConfig {
  logLevel: string;
  taskFile: string;
  tokenFile: string;
  sourceTokenFile: string;
  workDir: string;
  resultsDir: string;
  controlDir: string;
  enginesDir: string;
  machine: string;
  sshKeyFile: string;
  knownHostsFile: string;
  farDir: string;
  maxSourceBytes: number;
  maxFileBytes: number;
  maxTaskBytes: number;
  maxLogBytes: number;
  uploadSeconds: number;
}

/** Throws TerminalError `BadConfiguration` with one line for each wrong variable. */
export function loadConfig(env: Environment = process.env): BuilderConfig {
  const value = readSettings(variables, env);
  return {
    logLevel: value.KOPR_LOG_LEVEL,
    taskFile: value.KOPR_TASK_FILE,
    tokenFile: value.KOPR_TOKEN_FILE,
    sourceTokenFile: value.KOPR_SOURCE_TOKEN_FILE,
    workDir: value.KOPR_WORK_DIR,
    resultsDir: value.KOPR_RESULTS_DIR,
    controlDir: value.KOPR_CONTROL_DIR,
    enginesDir: value.KOPR_ENGINES_DIR,
    machine: value[MACHINE_VARIABLE],
    sshKeyFile: value.KOPR_SSH_KEY_FILE,
    knownHostsFile: value.KOPR_KNOWN_HOSTS_FILE,
    farDir: value.KOPR_FAR_DIR,
    maxSourceBytes: value.KOPR_MAX_SOURCE_BYTES,
    maxFileBytes: value.KOPR_MAX_FILE_BYTES,
    maxTaskBytes: value.KOPR_MAX_TASK_BYTES,
    maxLogBytes: value.KOPR_MAX_LOG_BYTES,
    uploadSeconds: value.KOPR_UPLOAD_SECONDS,
  };
}
