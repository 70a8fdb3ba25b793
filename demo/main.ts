/** `make demo`: from a bare machine to an installed and running package, in front of your eyes. */
import { join } from 'node:path';
import { coprConfig } from '../deploy/accounts.ts';
import type { Cluster } from '../deploy/cluster.ts';
import { deploy, RELEASE_NAMESPACE } from '../deploy/deploy.ts';
import { TEST_NAMESPACE } from '../deploy/files.ts';
import { say, step } from '../deploy/progress.ts';
import { ROOT } from '../deploy/run.ts';
import { installFrom } from './client.ts';
import { follow } from './follow.ts';
import { outcomeOf } from './outcome.ts';

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
  const { failures, seconds, toolSeconds } = await outcomeOf(cluster, NAMESPACE, BUILDS);
  if (failures.length > 0) throw new Error(failures.join('\n'));
  say(
    `from kubectl apply to the last package in its repository: ${seconds} s, ${toolSeconds} s of them dnf and rpmbuild`,
  );
  for (const chroot of ['pebble-13-x86_64', 'pebble-12-i386']) {
    const output = await step(`a ${chroot} machine runs: dnf install greet; greet kopr`, () =>
      installFrom(cluster, {
        namespace: NAMESPACE,
        // The namespaces of owners are closed.
        podNamespace: TEST_NAMESPACE,
        project: 'hello',
        chroot,
        packages: ['greet'],
        run: ['greet', 'kopr'],
      }),
    );
    process.stdout.write(`${output.trimEnd()}\n`);
  }
  const config = await step('making the user demo, an administrator, with a token for the REST API', () =>
    coprConfig((args) => cluster.kubectl(args), { user: NAMESPACE, admin: true }),
  );
  say('That was kopr. With this in ~/.config/copr, copr-cli and python-copr use it as the user demo:');
  process.stdout.write(`${config.trimEnd()}\n`);
  say('Look around:');
  process.stdout.write(
    lookAround(cluster)
      .map((line) => `  ${line}\n`)
      .join(''),
  );
}

function lookAround({ kubeconfig, tools, registry }: Cluster): string[] {
  const enough = '# when you have seen enough';
  return [
    `export KUBECONFIG=${kubeconfig}`,
    `export PATH=${tools}:$PATH   # kubectl and helm`,
    `kubectl -n ${NAMESPACE} describe build hello-1`,
    'make -s copr-config USER=demo >~/.config/copr   # and then: copr-cli list',
    ...(registry === 'localhost'
      ? [`make down   ${enough}`]
      : [
          `kubectl delete namespace ${NAMESPACE} ${TEST_NAMESPACE}   ${enough}: first what kopr still has to clean up,`,
          `helm -n ${RELEASE_NAMESPACE} uninstall kopr   # then kopr`,
        ]),
  ];
}

async function show(cluster: Cluster, args: readonly string[]): Promise<void> {
  process.stdout.write(await cluster.kubectl(['-n', NAMESPACE, ...args]));
}

try {
  await demo();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
