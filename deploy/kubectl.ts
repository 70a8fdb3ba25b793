import { lastLine, ROOT, run } from './run.ts';

export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

const SCRIPT = `${ROOT}/cluster/cluster.sh`;

/** kubectl for the cluster in use. It brings none up, and fails with a sentence when there is none. */
export async function kubectlOfCluster(): Promise<Kubectl> {
  const kubeconfig = lastLine(await run(SCRIPT, ['kubeconfig']));
  const tools = lastLine(await run(SCRIPT, ['bin']));
  return (args, input) =>
    run(`${tools}/kubectl`, args, {
      env: { KUBECONFIG: kubeconfig },
      quiet: true,
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
}

/** The address on this machine of a Service with a node port, such as `http://127.0.0.1:30500`. */
export async function nodePortURL(kubectl: Kubectl, namespace: string, service: string, port: number): Promise<string> {
  const path = `jsonpath={.spec.ports[?(@.port==${port})].nodePort}`;
  const nodePort = await kubectl(['-n', namespace, 'get', 'service', service, '-o', path]);
  if (nodePort === '') {
    throw new Error(
      `the Service ${service} has no node port; use: kubectl -n ${namespace} port-forward service/${service} ${port}`,
    );
  }
  return `http://127.0.0.1:${nodePort}`;
}
