/** Prints the base of published results as this machine reaches it: http://127.0.0.1:PORT/results. */
import { RELEASE_NAMESPACE } from './deploy.ts';
import { lastLine, ROOT, run } from './run.ts';

const SCRIPT = `${ROOT}/cluster/cluster.sh`;

try {
  const kubeconfig = lastLine(await run(SCRIPT, ['kubeconfig']));
  const tools = lastLine(await run(SCRIPT, ['bin']));
  const path = 'jsonpath={.spec.ports[?(@.port==5002)].nodePort}';
  const args = ['-n', RELEASE_NAMESPACE, 'get', 'service', 'kopr-results', '-o', path];
  const port = await run(`${tools}/kubectl`, args, { env: { KUBECONFIG: kubeconfig }, quiet: true });
  if (port === '') {
    throw new Error(
      'the Service kopr-results has no node port; use: kubectl -n kopr-system port-forward service/kopr-results 5002',
    );
  }
  process.stdout.write(`http://127.0.0.1:${port}/results\n`);
} catch (error) {
  process.stderr.write(`results-url: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
