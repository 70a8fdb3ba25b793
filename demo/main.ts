/** `make demo`: from a bare machine to an installed and running package, in front of your eyes. */
import { join } from 'node:path';
import type { Cluster } from '../deploy/cluster.ts';
import { deploy } from '../deploy/deploy.ts';
import { say, step } from '../deploy/progress.ts';
import { ROOT } from '../deploy/run.ts';
import { installFrom } from './client.ts';
import { follow } from './follow.ts';

const NAMESPACE = 'demo';
const BUILDS = ['hello-1', 'greet-1'];
const WAIT = '900s';

async function demo(): Promise<void> {
  const cluster = await deploy();
  await step('applying a Project and two Builds (demo/manifests/demo.yaml)', () =>
    cluster.kubectl(['apply', '-f', join(ROOT, 'demo', 'manifests', 'demo.yaml')]),
  );
  const end = follow(cluster, NAMESPACE);
  try {
    for (const build of BUILDS) {
      await step(`waiting for Build ${build}`, () =>
        cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Complete', `build/${build}`, `--timeout=${WAIT}`]),
      );
    }
  } finally {
    await end();
  }
  await show(cluster, ['get', 'projects,builds,chrootbuilds']);
  const failed = (await succeeded(cluster)).filter(({ status }) => status !== 'True');
  if (failed.length > 0) {
    throw new Error(failed.map(({ name, message }) => `Build ${name} failed: ${message}`).join('\n'));
  }
  for (const client of [
    { image: 'localhost/pebble:13-x86_64', chroot: 'pebble-13-x86_64' },
    { image: 'localhost/pebble:12-i386', chroot: 'pebble-12-i386' },
  ]) {
    const output = await step(`a ${client.chroot} machine runs: dnf install greet; greet kopr`, () =>
      installFrom(cluster, {
        namespace: NAMESPACE,
        project: 'hello',
        ...client,
        packages: ['greet'],
        run: ['greet', 'kopr'],
      }),
    );
    process.stdout.write(`${output.trimEnd()}\n`);
  }
  say('That was kopr. Look around:');
  process.stdout.write(
    `  export KUBECONFIG=${cluster.kubeconfig}\n  kubectl -n ${NAMESPACE} describe build hello-1\n  make down   # when you have seen enough\n`,
  );
}

async function show(cluster: Cluster, args: readonly string[]): Promise<void> {
  process.stdout.write(await cluster.kubectl(['-n', NAMESPACE, ...args]));
}

async function succeeded(cluster: Cluster): Promise<{ name: string; status: string; message: string }[]> {
  const path =
    '{.metadata.name}{"\\t"}{.status.conditions[?(@.type=="Succeeded")].status}{"\\t"}{.status.conditions[?(@.type=="Succeeded")].message}';
  const lines = await Promise.all(
    BUILDS.map((build) => cluster.kubectl(['-n', NAMESPACE, 'get', 'build', build, '-o', `jsonpath=${path}`])),
  );
  return lines.map((line) => {
    const [name = '', status = '', message = ''] = line.split('\t');
    return { name, status, message };
  });
}

try {
  await demo();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
