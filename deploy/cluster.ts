import { join } from 'node:path';
import { lastLine, ROOT, run } from './run.ts';

const SCRIPT = join(ROOT, 'cluster', 'cluster.sh');

/** A cluster that answers, and the tools to talk to it. */
export interface Cluster {
  kubeconfig: string;
  /** Chart values that fit this kind of cluster. */
  values: string[];
  kubectl(args: readonly string[], input?: string): Promise<string>;
  helm(args: readonly string[], timeoutMs?: number): Promise<string>;
  load(archives: readonly string[]): Promise<void>;
}

/** Brings the cluster up if it is not: that of KUBECONFIG, kind, or the embedded one. */
export async function clusterUp(): Promise<Cluster> {
  await run(SCRIPT, ['up'], { timeoutMs: 2_400_000 });
  const kubeconfig = lastLine(await run(SCRIPT, ['kubeconfig']));
  const tools = lastLine(await run(SCRIPT, ['bin']));
  const values = (await run(SCRIPT, ['values'])).split('\n').filter((line) => line !== '');
  const env = { KUBECONFIG: kubeconfig };
  return {
    kubeconfig,
    values,
    kubectl: (args, input) =>
      run(join(tools, 'kubectl'), args, {
        env,
        quiet: true,
        timeoutMs: 660_000,
        ...(input === undefined ? {} : { input }),
      }),
    helm: (args, timeoutMs = 600_000) => run(join(tools, 'helm'), args, { env, quiet: true, timeoutMs }),
    load: async (archives) => {
      await run(SCRIPT, ['load', ...archives]);
    },
  };
}
