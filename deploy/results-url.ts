/** Prints the base of published results as this machine reaches it: http://127.0.0.1:PORT/results. */
import { RELEASE_NAMESPACE } from './deploy.ts';
import { kubectlOfCluster, nodePortURL } from './kubectl.ts';

try {
  const origin = await nodePortURL(await kubectlOfCluster(), RELEASE_NAMESPACE, 'kopr-results', 5002);
  process.stdout.write(`${origin}/results\n`);
} catch (error) {
  process.stderr.write(`results-url: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
