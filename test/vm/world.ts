/** Objects that give a cluster a host with virtual machines, and kopr a pool of them. */
import { HOOKS_IMAGE, HYPERVISOR_IMAGE } from './build.ts';

const SSH_PORT = 2222;
const HTTP_PORT = 8080;
const NAME = 'hypervisor';
const LABELS = { 'app.kubernetes.io/name': NAME };

export interface KeyPair {
  private: string;
  public: string;
}

/** Who may what: each key opens one thing. */
export interface Keys {
  /** Host key of the hypervisor. */
  host: KeyPair;
  /** Of the hooks, for the hypervisor. */
  hooks: KeyPair;
  /** Of kopr, for the machines. */
  machines: KeyPair;
}

export interface World {
  /** Namespace of the hypervisor. */
  namespace: string;
  buildsNamespace: string;
  keys: Keys;
  /** The reference of an image in this cluster. */
  reference: (image: string) => string;
  /** Machines at the same time. */
  most: number;
}

export const HOOKS_SECRET = 'e2e-machines-hooks';
export const SSH_SECRET = 'e2e-machines-ssh';

/** The repository of Pebble Linux for aarch64. */
export function foreignRepositoryURL(namespace: string): string {
  return `http://${NAME}.${namespace}.svc:${HTTP_PORT}/13-aarch64/`;
}

/** The hypervisor: one pod that needs no right of any kind, and a Service without an address of its own for its ports. */
export function hypervisorObjects({ namespace, keys, reference, most }: World): object[] {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: NAME, namespace },
    stringData: {
      host_key: keys.host.private,
      authorized_keys: `${keys.hooks.public}\n`,
      machine_keys: `${keys.machines.public}\n`,
      machine_key: keys.machines.private,
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace },
    spec: { selector: LABELS, clusterIP: 'None', ports: [{ name: 'ssh', port: SSH_PORT }] },
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, namespace, labels: LABELS },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      hostUsers: false,
      terminationGracePeriodSeconds: 5,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: NAME,
          image: reference(HYPERVISOR_IMAGE),
          imagePullPolicy: 'IfNotPresent',
          env: [
            { name: 'VM_ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'VM_MOST', value: String(most) },
          ],
          // A machine takes its own gibibyte and what its emulator translates.
          resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: `${most * 1792}Mi` } },
          readinessProbe: { tcpSocket: { port: SSH_PORT }, periodSeconds: 1, timeoutSeconds: 5 },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'machines', mountPath: '/machines' },
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'ssh', mountPath: '/etc/kopr-test/ssh', readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'machines', emptyDir: { sizeLimit: '40Gi' } },
        { name: 'tmp', emptyDir: {} },
        { name: 'ssh', secret: { secretName: NAME, defaultMode: 0o440 } },
      ],
    },
  };
  return [secret, service, pod];
}

/** What the pools need in the namespace of builds. */
export function poolSecrets({ namespace, buildsNamespace, keys }: World): object[] {
  const host = `${NAME}.${namespace}.svc`;
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: HOOKS_SECRET, namespace: buildsNamespace },
      stringData: {
        HYPERVISOR_HOST: host,
        HYPERVISOR_PORT: String(SSH_PORT),
        id: keys.hooks.private,
        known_hosts: `[${host}]:${SSH_PORT} ${keys.host.public}\n`,
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/ssh-auth',
      metadata: { name: SSH_SECRET, namespace: buildsNamespace },
      stringData: { 'ssh-privatekey': keys.machines.private },
    },
  ];
}

/** A pool that asks the hypervisor for machines of one architecture. */
export function machinePool(
  { buildsNamespace, reference }: World,
  name: string,
  architecture: string,
  spec: object,
): object {
  const hook = (file: string, timeoutSeconds: number) => ({
    command: ['/bin/sh', `/opt/hooks/${file}.sh`],
    timeoutSeconds,
  });
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'BuilderPool',
    metadata: { name, namespace: buildsNamespace },
    spec: {
      architectures: [architecture],
      max: 2,
      maxStarting: 2,
      preallocated: 0,
      startTimeoutSeconds: 900,
      command: {
        image: reference(HOOKS_IMAGE),
        secretName: HOOKS_SECRET,
        env: [{ name: 'MACHINE_ARCHITECTURE', value: architecture }],
        new: hook('new', 600),
        delete: hook('delete', 120),
        livecheck: hook('livecheck', 60),
        list: hook('list', 60),
        listPeriodSeconds: 20,
      },
      ssh: { keySecretName: SSH_SECRET, connectTimeoutSeconds: 120, keepAliveSeconds: 10, reconnectSeconds: 300 },
      liveness: { periodSeconds: 20, attempts: 4, timeoutSeconds: 120 },
      ...spec,
    },
  };
}
