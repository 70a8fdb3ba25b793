import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { Job, PodSpec } from '../../operator/core.ts';
import { labelValue } from '../shared/names.ts';
import { HOOK_CONTAINER, LABELS, poolLabels } from './names.ts';
import { BEGIN_OUTPUT } from './output.ts';

export type Hook = 'new' | 'delete' | 'livecheck' | 'release' | 'list';

/** What the hooks of Resalloc are told of a machine. */
export interface HookMachine {
  name: string;
  /** 0 for one that kopr does not know (an orphan that "list" has found). */
  id: number;
  index: number;
  counters?: Record<string, number>;
  /** Output of the hook "new", in base64. */
  data?: string;
  /** Uid of its Builder; absent for an orphan. */
  uid?: string;
}

export function hookMachineOf(builder: Builder): HookMachine {
  const { spec, status, metadata } = builder;
  return {
    name: metadata.name,
    id: Number(metadata.labels?.[LABELS.machineID] ?? 0),
    index: spec.machine?.index ?? 0,
    ...(spec.machine?.counters === undefined ? {} : { counters: spec.machine.counters }),
    ...(status?.data === undefined ? {} : { data: status.data }),
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  };
}

export interface HookJob {
  /** Deterministic: see jobName. */
  name: string;
  hook: Hook;
  /** Its provider is `command`. */
  pool: BuilderPool;
  /** Absent for "list". */
  machine?: HookMachine;
  /** At most so long, and never longer than the hook's own timeout. */
  timeoutSeconds?: number;
  /** On top of that, for its pod to start: whoever wants it so ends the hook in time himself. */
  startSeconds?: number;
}

/**
 * Everything a hook says goes through one stream, so that what it wrote last stands before the mark; its output follows
 * the mark only when it has succeeded. Builtins of the shell alone: the image needs nothing but /bin/sh.
 */
export const WRAPPER = `"$@" 2>&1 >/kopr/hook/stdout
code=$?
if [ "$code" -eq 0 ]; then
  printf '\\n%s\\n' '${BEGIN_OUTPUT}'
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done </kopr/hook/stdout
fi
exit "$code"
`;

/** Pure: the Job that runs one hook of a pool, once. */
export function hookJob({ name, hook, pool, machine, timeoutSeconds, startSeconds = 0 }: HookJob): Job {
  const provider = pool.spec.command;
  const entry = provider?.[hook];
  if (provider === undefined || entry === undefined) {
    throw new Error(`BuilderPool ${pool.metadata.name} has no hook "${hook}"`);
  }
  const deadline = Math.max(1, Math.min(entry.timeoutSeconds, timeoutSeconds ?? entry.timeoutSeconds));
  const { secretName } = provider;
  return job({ name, hook, pool, ...(machine === undefined ? {} : { machine }) }, deadline + startSeconds, {
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: HOOK_CONTAINER,
        image: provider.image,
        imagePullPolicy: provider.imagePullPolicy,
        command: ['/bin/sh', '-c', WRAPPER, 'hook', ...entry.command.map(literal)],
        env: environment(hook, pool, machine),
        ...(secretName === undefined ? {} : { envFrom: [{ secretRef: { name: secretName } }] }),
        // Not runAsNonRoot: hooks that expect to be root are root of the pod's user namespace only.
        securityContext: { privileged: false, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '1Gi' } },
        volumeMounts: [
          { name: 'output', mountPath: '/kopr/hook' },
          { name: 'tmp', mountPath: '/tmp' },
          ...(secretName === undefined ? [] : [{ name: 'secret', mountPath: '/kopr/secret', readOnly: true }]),
        ],
      },
    ],
    volumes: [
      { name: 'output', emptyDir: { sizeLimit: '16Mi' } },
      { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
      ...(secretName === undefined ? [] : [{ name: 'secret', secret: { secretName, defaultMode: 0o400 } }]),
    ],
  });
}

function environment(hook: Hook, pool: BuilderPool, machine: HookMachine | undefined): object[] {
  const own = { HOME: '/tmp', RESALLOC_POOL_ID: pool.metadata.name, ...machineEnvironment(hook, machine) };
  const others = (pool.spec.command?.env ?? []).filter(({ name }) => !Object.hasOwn(own, name));
  return [...others.map(({ name, value }) => [name, value] as const), ...Object.entries(own)].map(([name, value]) => ({
    name,
    value: literal(value),
  }));
}

/** Kubernetes replaces $(NAME) and makes one $ of two: scripts are to arrive as they were written. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function machineEnvironment(hook: Hook, machine: HookMachine | undefined): Record<string, string> {
  if (machine === undefined) return {};
  const counters = Object.entries(machine.counters ?? {}).flatMap(([name, value]) => {
    const word = name.replace(/[^A-Za-z0-9_]/g, '_');
    // Resalloc's code has the first name, its manual the second.
    return [`RESALLOC_NAMED_COUNTER_${word}`, `NAMED_COUNTER_VALUE_${word}`].map((key) => [key, String(value)]);
  });
  return {
    RESALLOC_ID: String(machine.id),
    RESALLOC_NAME: machine.name,
    RESALLOC_ID_IN_POOL: String(machine.index),
    ...(hook === 'new' ? {} : { RESALLOC_RESOURCE_DATA: machine.data ?? '' }),
    ...(Object.fromEntries(counters) as Record<string, string>),
  };
}

/** After so long a Job goes by itself, if nobody has read and deleted it. */
const TTL_SECONDS = 600;

/**
 * A Job of kopr that runs one pod, once. It has no owner: the hook that deletes a machine must survive whatever becomes
 * of the Builder, a deletion in the foreground included.
 */
export function job(
  of: { name: string; hook: string; pool: BuilderPool; machine?: Pick<HookMachine, 'name' | 'uid'> },
  deadlineSeconds: number,
  spec: PodSpec,
): Job {
  const { machine } = of;
  const labels = {
    'app.kubernetes.io/name': 'kopr-hook',
    ...poolLabels(of.pool.metadata.name),
    [LABELS.hook]: of.hook,
    ...(machine === undefined ? {} : { [LABELS.builder]: labelValue(machine.name) }),
    ...(machine?.uid === undefined ? {} : { [LABELS.builderUID]: machine.uid }),
  };
  const annotations = machine === undefined ? {} : { annotations: { [LABELS.builder]: machine.name } };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: of.name,
      namespace: of.pool.metadata.namespace ?? '',
      labels,
      ...annotations,
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineSeconds,
      ttlSecondsAfterFinished: TTL_SECONDS,
      template: {
        metadata: { labels, ...annotations },
        spec: {
          hostUsers: false,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 10,
          ...spec,
        },
      },
    },
  };
}
