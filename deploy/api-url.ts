/** Prints the address of the REST API as this machine reaches it: http://127.0.0.1:PORT. */
import { RELEASE_NAMESPACE } from './deploy.ts';
import { kubectlOfCluster, nodePortURL } from './kubectl.ts';

try {
  process.stdout.write(`${await nodePortURL(await kubectlOfCluster(), RELEASE_NAMESPACE, 'kopr-api', 5000)}\n`);
} catch (error) {
  process.stderr.write(`api-url: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
