import { deploy } from './deploy.ts';
import { say } from './progress.ts';

try {
  const cluster = await deploy();
  say(`kopr is installed; use it with: export KUBECONFIG=${cluster.kubeconfig} PATH=${cluster.tools}:$PATH`);
} catch (error) {
  process.stderr.write(`deploy: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
