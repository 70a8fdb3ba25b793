/** `node deploy/copr-config.ts USER`: prints a ready ~/.config/copr for a user, who is made if need be. */
import { parseArgs } from 'node:util';
import { coprConfig } from './accounts.ts';
import { kubectlOfCluster } from './kubectl.ts';

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { admin: { type: 'boolean' } } });
  const [user] = positionals;
  if (user === undefined || positionals.length > 1)
    throw new Error('say for whom, such as: make -s copr-config USER=demo');
  process.stdout.write(await coprConfig(await kubectlOfCluster(), { user, admin: values.admin ?? false }));
} catch (error) {
  process.stderr.write(`copr-config: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
