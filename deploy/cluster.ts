import { join } from 'node:path';
import { parseLoaded, type References, references } from './references.ts';
import { lastLine, ROOT, run } from './run.ts';

/** Compressing and pushing everything over a slow line. */
const LOAD_MS = 2_400_000;
const SCRIPT = join(ROOT, 'cluster', 'cluster.sh');

/** A cluster that answers, and the tools to talk to it. */
export interface Cluster {
  kubeconfig: string;
  /** Directory with kubectl and helm. */
  tools: string;
  /** What the names of kopr's images begin with: localhost where they are loaded, else the registry they are pushed to. */
  registry: string;
  /** Chart values that fit this kind of cluster. */
  values: string[];
  kubectl(args: readonly string[], input?: string): Promise<string>;
  helm(args: readonly string[], input?: string): Promise<string>;
  /** Makes images usable in the cluster, and says by which references. */
  load(archives: readonly string[]): Promise<References>;
}

/** Brings the cluster up if it is not: that of KUBECONFIG, kind, or the embedded one. */
export async function clusterUp(): Promise<Cluster> {
  await run(SCRIPT, ['up'], { timeoutMs: 2_400_000 });
  const kubeconfig = lastLine(await run(SCRIPT, ['kubeconfig']));
  // Asked for before anything is built: without a registry there is nothing that a foreign cluster could run.
  const registry = lastLine(await run(SCRIPT, ['registry']));
  const tools = lastLine(await run(SCRIPT, ['bin']));
  const values = (await run(SCRIPT, ['values'])).split('\n').filter((line) => line !== '');
  const env = { KUBECONFIG: kubeconfig };
  const tool =
    (name: string, timeoutMs: number) =>
    (args: readonly string[], input?: string): Promise<string> =>
      run(join(tools, name), args, { env, quiet: true, timeoutMs, ...(input === undefined ? {} : { input }) });
  return {
    kubeconfig,
    tools,
    registry,
    values,
    kubectl: tool('kubectl', 660_000),
    helm: tool('helm', 600_000),
    load: async (archives) =>
      references(registry, parseLoaded(await run(SCRIPT, ['load', ...archives], { timeoutMs: LOAD_MS }))),
  };
}
