import { join } from 'node:path';

/** Names inside the pod's volumes. The engine script (`engines/container/engine.sh`) spells the same names. */
export const LIVE_LOG = 'builder-live.log';
export const VERDICT = 'verdict.json';
/** Written by the agent: everything has arrived at the publisher. */
export const UPLOADED = 'uploaded';
/** Written by the agent: the publisher refuses this task for good; waiting for it is pointless. */
export const REFUSED = 'refused';

export interface WorkLayout {
  /** The package's files: spec, archives, patches. */
  sources: string;
  /** What the next container needs to know: one value per file, or `source.json`. */
  plan: string;
  /** Temporary files, HOME of the tools. */
  scratch: string;
}

export function workLayout(workDir: string): WorkLayout {
  return { sources: join(workDir, 'sources'), plan: join(workDir, 'plan'), scratch: join(workDir, 'scratch') };
}
