import type { Cluster } from '../deploy/cluster.ts';

export interface Client {
  namespace: string;
  /** Where the container runs; without it in the namespace of the project. */
  podNamespace?: string;
  project: string;
  chroot: string;
  packages: string[];
  /** What to run after the installation. */
  run: string[];
}

/** dnf takes a while on a cold disk. */
const TIMEOUT = '300s';

/**
 * Installs packages as any user would: a container of the chroot's distribution gets the project's .repo file and its key
 * from the addresses in the Project's status, dnf checks the signatures of packages and metadata, and the installed
 * program is run. Returns what it printed.
 */
export async function installFrom(cluster: Cluster, client: Client): Promise<string> {
  const { namespace, chroot, podNamespace = namespace } = client;
  const chrootObject = chroot.replaceAll('_', '-');
  const name = `client-${chrootObject}`;
  const path = `{.status.chroots[?(@.name=="${chroot}")].repoFileURL}`;
  const repoFile = await cluster.kubectl(['-n', namespace, 'get', 'project', client.project, '-o', `jsonpath=${path}`]);
  if (repoFile === '') throw new Error(`Project ${client.project} shows no .repo file for ${chroot}`);
  const image = await cluster.kubectl(['get', 'chroot', chrootObject, '-o', 'jsonpath={.spec.container.image}']);
  await cluster.kubectl(['-n', podNamespace, 'delete', 'pod', name, '--ignore-not-found', '--wait']);
  try {
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(clientPod(client, name, image, repoFile)));
    const ended = [
      'wait',
      '--for=jsonpath={.status.containerStatuses[0].state.terminated}',
      `pod/${name}`,
      `--timeout=${TIMEOUT}`,
    ];
    await cluster.kubectl(['-n', podNamespace, ...ended]).catch(() => undefined);
    const log = await cluster.kubectl(['-n', podNamespace, 'logs', name]);
    const phase = await cluster.kubectl([
      '-n',
      podNamespace,
      'get',
      'pod',
      name,
      '-o',
      'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}',
    ]);
    if (phase !== '0') throw new Error(`the client for ${chroot} failed (exit code ${phase || 'none yet'}):\n${log}`);
    return log;
  } finally {
    await cluster.kubectl(['-n', podNamespace, 'delete', 'pod', name, '--ignore-not-found', '--wait=false']);
  }
}

const SCRIPT = `
set -eu
repo=$1; packages=$2; shift 2
case $(uname -m) in x86_64) [ "$ARCH" = x86_64 ] || exec setarch "$ARCH" sh -c "$0" "$0" "$repo" "$packages" "$@" ;; esac
curl -fsS --retry 3 -o /etc/yum.repos.d/project.repo "$repo"
grep -q '^gpgcheck=1' /etc/yum.repos.d/project.repo
echo "+ dnf install $packages"
dnf -y --setopt=install_weak_deps=False install $packages
for package in $packages; do rpm -q "$package" --qf '%{nevra} signed by %{rsaheader:pgpsig}\\n'; done
echo "+ $*"
exec "$@"
`;

function clientPod(client: Client, name: string, image: string, repoFile: string): object {
  const i386 = client.chroot.endsWith('i386');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: client.podNamespace ?? client.namespace,
      labels: { 'app.kubernetes.io/name': 'kopr-client' },
    },
    spec: {
      hostUsers: false,
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'client',
          image,
          imagePullPolicy: 'IfNotPresent',
          env: [{ name: 'ARCH', value: i386 ? 'i686' : 'x86_64' }],
          command: ['/bin/sh', '-c', SCRIPT, SCRIPT, repoFile, client.packages.join(' '), ...client.run],
        },
      ],
    },
  };
}
