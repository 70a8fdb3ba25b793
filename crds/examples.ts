/** One small, valid manifest a kind: shown in the reference, applied to a real API server in the tests. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: Record<string, unknown>;
}

const apiVersion = 'kopr.dev/v1alpha1';

export const EXAMPLES: readonly Manifest[] = [
  {
    apiVersion,
    kind: 'Project',
    metadata: { name: 'hello', namespace: 'demo' },
    spec: {
      description: 'Greetings for every distribution.',
      chroots: ['fedora-43-x86_64', 'fedora-43-aarch64'],
      options: { network: false, timeoutSeconds: 7200 },
    },
  },
  {
    apiVersion,
    kind: 'Package',
    metadata: { name: 'hello', namespace: 'demo' },
    spec: {
      project: 'hello',
      source: { git: { url: 'https://git.example/rpms/hello.git', committish: 'main' } },
    },
  },
  {
    apiVersion,
    kind: 'Build',
    metadata: { name: 'hello-1', namespace: 'demo' },
    spec: {
      project: 'hello',
      source: { link: { url: 'https://files.example/hello-2.12-1.src.rpm' } },
      chroots: ['fedora-43-x86_64'],
    },
  },
  {
    apiVersion,
    kind: 'ChrootBuild',
    metadata: { name: 'hello-1-fedora-43-x86-64', namespace: 'demo' },
    spec: {
      build: 'hello-1',
      buildID: 17,
      project: 'hello',
      owner: 'demo',
      stage: 'binary',
      chroot: 'fedora-43-x86_64',
      package: {
        name: 'hello',
        repo: 'demo/hello/hello',
        commit: '9e107d9d372bb6826bd81d3542a419d6e277a5b2',
      },
      timeoutSeconds: 7200,
    },
  },
  {
    apiVersion,
    kind: 'Removal',
    metadata: { name: 'hello-old', namespace: 'demo' },
    spec: { project: 'hello', builds: [15, 16] },
  },
  {
    apiVersion,
    kind: 'BuilderTicket',
    metadata: { name: 'hello-1-fedora-43-x86-64-1', namespace: 'demo' },
    spec: {
      chrootBuild: 'hello-1-fedora-43-x86-64',
      chrootBuildUID: '0b9a4e52-6a51-4a35-a7c6-3a8a4f7d9d10',
      attempt: 1,
      owner: 'demo',
      project: 'hello',
      sandbox: 'demo/hello',
      architecture: 'x86_64',
      tags: [],
    },
  },
  {
    apiVersion,
    kind: 'BuilderPool',
    metadata: { name: 'default', namespace: 'kopr-builds' },
    spec: {
      architectures: ['x86_64', 'i386'],
      max: 8,
      pod: {
        nodeSelector: { 'kubernetes.io/arch': 'amd64' },
        resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '8Gi' } },
        workspace: { sizeLimit: '30Gi' },
      },
    },
  },
  {
    apiVersion,
    kind: 'Builder',
    metadata: { name: '0b9a4e52-1', namespace: 'kopr-builds' },
    spec: {
      pool: 'default',
      ticket: {
        namespace: 'demo',
        name: 'hello-1-fedora-43-x86-64-1',
        uid: '1c8b5f63-7b62-4b46-b8d7-4b9b508eae21',
      },
      chrootBuild: {
        namespace: 'demo',
        name: 'hello-1-fedora-43-x86-64',
        uid: '0b9a4e52-6a51-4a35-a7c6-3a8a4f7d9d10',
      },
      attempt: 1,
      sandbox: 'demo/hello',
      architecture: 'x86_64',
    },
  },
  {
    apiVersion,
    kind: 'Chroot',
    metadata: { name: 'fedora-43-x86-64' },
    spec: {
      name: 'fedora-43-x86_64',
      distribution: 'fedora-43',
      architecture: 'x86_64',
      container: { image: 'registry.fedoraproject.org/fedora:43' },
      buildrootPackages: ['@buildsys-build'],
      distTag: '.fc43',
    },
  },
  {
    apiVersion,
    kind: 'BuildQuota',
    metadata: { name: 'default', namespace: 'demo' },
    spec: { maxRunning: 20, maxRunningPerSandbox: 10, weight: 100 },
  },
];

export function exampleOf(kind: string): Manifest {
  const found = EXAMPLES.find((example) => example.kind === kind);
  if (!found) throw new Error(`there is no example of the kind ${kind} in crds/examples.ts`);
  return found;
}
