import { z } from 'zod';
import { TerminalError } from '../lib/errors.ts';
import { podPaths } from '../lib/protocol/task.ts';

const GIB = 1024 ** 3;
const bytes = (fallback: number) => z.coerce.number().int().positive().default(fallback);

const environment = z.object({
  KOPR_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  KOPR_TASK_FILE: z.string().default(podPaths.task),
  KOPR_TOKEN_FILE: z.string().default(podPaths.token),
  /** What fetch shows to distgit; a file that is not there means that distgit asks for nothing. */
  KOPR_SOURCE_TOKEN_FILE: z.string().default(podPaths.sourceToken),
  KOPR_WORK_DIR: z.string().default(podPaths.work),
  KOPR_RESULTS_DIR: z.string().default(podPaths.results),
  KOPR_CONTROL_DIR: z.string().default(podPaths.control),
  /** Where the engine scripts are in the builder image. */
  KOPR_ENGINES_DIR: z.string().default('/opt/kopr/engines'),
  /** Most bytes of one downloaded source file or SRPM. */
  KOPR_MAX_SOURCE_BYTES: bytes(4 * GIB),
  /** Most bytes of one result file, and of all of them: as much as the publisher takes by default. */
  KOPR_MAX_FILE_BYTES: bytes(8 * GIB),
  KOPR_MAX_TASK_BYTES: bytes(16 * GIB),
  /** A log longer than this is cut, never the cause of a failure. */
  KOPR_MAX_LOG_BYTES: bytes(100 * 1024 ** 2),
  /** How long the upload of a finished task may take. */
  KOPR_UPLOAD_SECONDS: z.coerce.number().int().positive().default(1800),
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
  maxSourceBytes: number;
  maxFileBytes: number;
  maxTaskBytes: number;
  maxLogBytes: number;
  uploadSeconds: number;
}

/** Rejects with TerminalError `InvalidConfiguration` naming the first variable that is wrong. */
export function loadConfig(env: Record<string, string | undefined> = process.env): BuilderConfig {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TerminalError('InvalidConfiguration', `${issue?.path.join('.')}: ${issue?.message}`);
  }
  const value = parsed.data;
  return {
    logLevel: value.KOPR_LOG_LEVEL,
    taskFile: value.KOPR_TASK_FILE,
    tokenFile: value.KOPR_TOKEN_FILE,
    sourceTokenFile: value.KOPR_SOURCE_TOKEN_FILE,
    workDir: value.KOPR_WORK_DIR,
    resultsDir: value.KOPR_RESULTS_DIR,
    controlDir: value.KOPR_CONTROL_DIR,
    enginesDir: value.KOPR_ENGINES_DIR,
    maxSourceBytes: value.KOPR_MAX_SOURCE_BYTES,
    maxFileBytes: value.KOPR_MAX_FILE_BYTES,
    maxTaskBytes: value.KOPR_MAX_TASK_BYTES,
    maxLogBytes: value.KOPR_MAX_LOG_BYTES,
    uploadSeconds: value.KOPR_UPLOAD_SECONDS,
  };
}
