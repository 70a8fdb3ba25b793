import { z } from 'zod';
import { tag } from './builderticket.ts';
import { asMap, asSet, cel, conditions, objectName, observedGeneration, rules, text, timestamp } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';
import { commandProvider, hostsProvider, liveness, reuse, sshAccess } from './poolmachines.ts';

const quantity = text(
  32,
  /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/,
  'must be a quantity as in Kubernetes, in quotes if it is a bare number, e.g. "2", 500m or 8Gi',
);
const quantities = z.record(z.string(), quantity).meta({ maxProperties: 16 });

const podProvider = z
  .object({
    nodeSelector: z
      .record(z.string(), z.string().max(63))
      .meta({ maxProperties: 32 })
      .optional()
      .describe('Labels of the nodes that builder pods may run on.'),
    tolerations: z
      .array(
        z.object({
          key: z.string().max(316).optional().describe('Key of the taint; absent: every key.'),
          operator: z.enum(['Exists', 'Equal']).optional().describe('How value is compared.'),
          value: z.string().max(63).optional().describe('Value of the taint.'),
          effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional().describe('Effect of the taint.'),
        }),
      )
      .max(20)
      .optional()
      .describe('Taints that builder pods tolerate.'),
    runtimeClassName: objectName.optional().describe('RuntimeClass of builder pods, e.g. for gVisor or Kata.'),
    priorityClassName: objectName.optional().describe('PriorityClass of builder pods.'),
    resources: z
      .object({
        requests: quantities.optional().describe('What the scheduler reserves for the build container.'),
        limits: quantities.optional().describe('What the build container may use.'),
      })
      .optional()
      .describe('Resources of the build container.'),
    workspace: z
      .object({
        medium: z.enum(['Disk', 'Memory']).default('Disk').describe('Where the work directory lives.'),
        sizeLimit: quantity.default('20Gi').describe('How much it may hold.'),
      })
      .default({ medium: 'Disk', sizeLimit: '20Gi' })
      .describe('The work directory of a build.'),
    warm: z
      .int()
      .min(0)
      .max(1000)
      .default(0)
      .describe(
        'Placeholder pods of low priority that keep room for builders, and their images on the nodes. Builder pods push them aside.',
      ),
  })
  .describe('Builders are pods, one for each build stage.');

const poolTag = z.object({
  name: tag.describe('Tag that tickets ask for.'),
  priority: z
    .int()
    .min(-1000)
    .max(1000)
    .default(0)
    .describe('Pools with a higher sum are preferred for tickets with these tags.'),
});

export const builderPoolSpec = z
  .object({
    description: z.string().max(1024).optional().describe('What people should know of it.'),
    pod: podProvider.optional(),
    hosts: hostsProvider.optional(),
    command: commandProvider.optional(),
    ssh: sshAccess.optional(),
    architectures: z
      .array(z.string().max(64))
      .min(1)
      .max(20)
      .meta({ description: 'Architectures whose chroots can be built here, e.g. x86_64 and i386.', ...asSet }),
    tags: z
      .array(poolTag)
      .max(50)
      .optional()
      .meta({ description: 'What the builders of this pool offer.', ...asMap('name') }),
    onDemandTags: z
      .array(poolTag)
      .max(50)
      .optional()
      .meta({
        description:
          'The pool offers these too, and makes machines only for tickets that ask for one of them (tags_on_demand).',
        ...asMap('name'),
      }),
    max: z.int().min(0).max(10000).default(4).describe('Builders that exist at the same time, at most.'),
    maxStarting: z.int().min(1).max(10000).default(4).describe('Builders that start at the same time, at most.'),
    preallocated: z
      .int()
      .min(0)
      .max(10000)
      .default(2)
      .describe(
        'Machines that are kept ready for tickets to come (max_prealloc). Not for pods (pod.warm), nor on demand.',
      ),
    startDelaySeconds: z
      .int()
      .min(0)
      .max(86400)
      .default(0)
      .describe('Seconds between two starts of machines (start_delay).'),
    startTimeoutSeconds: z
      .int()
      .min(10)
      .max(86400)
      .default(600)
      .describe('A builder that has not started by then is given up and replaced.'),
    releaseTimeoutSeconds: z
      .int()
      .min(10)
      .max(86400)
      .default(300)
      .describe('A machine that is not clean by then is not used again.'),
    deleteTimeoutSeconds: z
      .int()
      .min(10)
      .max(86400)
      .default(600)
      .describe('A deletion that takes longer is stopped and tried again.'),
    liveness: liveness.default({ periodSeconds: 300, attempts: 3, timeoutSeconds: 60 }),
    reuse: reuse.default({ waitSeconds: 0, maxUses: 0, maxSeconds: 3600 }),
    namePattern: text(
      200,
      /^[a-z0-9{]([a-z0-9_{}.-]*[a-z0-9}])?$/,
      'must be small letters, digits, "-" and the words {pool_name}, {id} and {datetime} in braces',
    )
      .default('{pool_name}-{id}')
      .describe(
        'Names of machines (name_pattern), made of {pool_name}, {id} (a number that is never used again) and {datetime}.',
      ),
    counters: z
      .array(z.string().min(1).max(63))
      .max(10)
      .optional()
      .meta({
        description:
          'For each (named_counters), a machine gets the smallest number that no machine of any pool with this counter has.',
        ...asSet,
      }),
    suspend: z.boolean().default(false).describe('While true the pool gets no new work; running builds finish.'),
  })
  .meta({
    description: 'Desired state of a pool of builders.',
    ...rules(
      cel(
        '[has(self.pod), has(self.hosts), has(self.command)].filter(x, x).size() == 1',
        'a BuilderPool needs exactly one provider: set one of pod, hosts and command',
      ),
      cel('!has(self.hosts) || has(self.ssh)', 'a pool of hosts needs ssh: how they are reached'),
      cel(
        "!has(self.ssh) || self.ssh.hostKeys != 'KnownHosts' || has(self.ssh.knownHostsSecretName)",
        'ssh.hostKeys is KnownHosts, which needs ssh.knownHostsSecretName',
      ),
    ),
  });

export const builderPoolStatus = z
  .object({
    observedGeneration,
    conditions,
    builders: z.int().min(0).optional().describe('Builders that exist.'),
    starting: z.int().min(0).optional().describe('Those that are starting.'),
    running: z.int().min(0).optional().describe('Those that are building.'),
    usage: z.string().max(32).optional().describe('Builders of max, for kubectl get.'),
    consecutiveStartFailures: z
      .int()
      .min(0)
      .optional()
      .describe('Builders in a row that failed to start; the pool pauses longer after each.'),
    pausedUntil: z.iso.datetime().optional().describe('No builder is started before this time.'),
    free: z.int().min(0).optional().describe('Machines that wait for a ticket.'),
    deleting: z.int().min(0).optional().describe('Machines that are being deleted.'),
    statistics: z
      .object({
        startSeconds: z.int().min(0).optional().describe('Seconds a start takes; younger starts weigh more.'),
        startSuccessPercent: z
          .int()
          .min(0)
          .max(100)
          .optional()
          .describe('How many of a hundred starts succeed, likewise.'),
        buildSeconds: z.int().min(0).optional().describe('Seconds a builder is in use, likewise.'),
        lastStartAt: timestamp.optional().describe('When a builder was last started.'),
        lastSuccessAt: timestamp.optional().describe('When a start last succeeded.'),
        counted: timestamp.optional().describe('Everything that happened until then is counted.'),
      })
      .optional()
      .describe('How the pool has done lately.'),
    owners: z
      .array(
        z.object({
          name: z.string().max(253).describe('Owner.'),
          builders: z.int().min(0).describe('Builders that it uses.'),
        }),
      )
      .max(20)
      .optional()
      .meta({ description: 'Who uses the builders; the twenty who use most.', ...asMap('name') }),
    lastListAt: timestamp.optional().describe('When the hook "list" was last run to its end.'),
    machinesMade: z.int().min(0).optional().describe('Number of the machine made last; the next gets the next one.'),
  })
  .describe('Observed state of a pool.');

export const builderPoolKind = defineKind({
  kind: 'BuilderPool',
  plural: 'builderpools',
  shortNames: ['bp'],
  namespaced: true,
  description: "A source of builders. Lives in kopr's builds namespace.",
  spec: builderPoolSpec,
  status: builderPoolStatus,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Can it start builders?',
    },
    { name: 'Builders', type: 'string', jsonPath: '.status.usage', description: 'Builders of max.' },
    { name: 'Starting', type: 'integer', jsonPath: '.status.starting', description: 'Builders that are starting.' },
    { name: 'Running', type: 'integer', jsonPath: '.status.running', description: 'Builders that are in use.' },
    { name: 'Free', type: 'integer', jsonPath: '.status.free', description: 'Machines that wait for a ticket.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', description: 'Why.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
  ],
  selectableFields: ['.spec.suspend'],
  rules: [],
  scale: { specReplicasPath: '.spec.max', statusReplicasPath: '.status.builders' },
});
export type BuilderPool = ResourceOf<typeof builderPoolKind>;
export const BuilderPools = resourceType(builderPoolKind);
