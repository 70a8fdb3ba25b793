import { z } from 'zod';

/** Attaches a CEL rule; bounds (`max…`) on everything a rule walks keep its cost under the API server's limit. */
export function cel(rule: string, message: string): { rule: string; message: string } {
  return { rule, message };
}

export function rules(...list: { rule: string; message: string }[]): { 'x-kubernetes-validations': object[] } {
  return { 'x-kubernetes-validations': list };
}

/** A list that the API server treats as a set: no duplicates, merged by value. */
export const asSet = { 'x-kubernetes-list-type': 'set' } as const;

/** A list that the API server treats as a map keyed by these fields. */
export function asMap(...keys: string[]): object {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

export const IMMUTABLE = cel(
  'self == oldSelf',
  'this field cannot be changed after creation; create a new object instead',
);

export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

export const chrootName = z
  .string()
  .max(100)
  .regex(/^[a-z0-9][a-z0-9.+_]*(-[a-z0-9.+_]+)+$/)
  .describe('Name of a chroot as in Copr: distribution, release and architecture, e.g. fedora-43-x86_64.');

export const httpURL = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s/]+(\/\S*)?$/);

export const condition = z.object({
  type: z.string().max(316).describe('Kind of the condition, e.g. Ready or Succeeded.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('True, False, or Unknown while it is not decided.'),
  observedGeneration: z.int().min(0).optional().describe('Generation of the spec that this condition was made for.'),
  lastTransitionTime: z.iso.datetime().describe('When the status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('CamelCase word for programs.'),
  message: z.string().max(32768).describe('One sentence for people.'),
});

export const conditions = z
  .array(condition)
  .max(16)
  .optional()
  .meta({ description: 'Standard Kubernetes conditions.', ...asMap('type') });

export const observedGeneration = z
  .int()
  .min(0)
  .optional()
  .describe('Generation of the spec that this status was made for.');

export const timestamp = z.iso.datetime();

/** The states that legacy clients know; kopr shows the same words. */
export const COPR_STATES = [
  'importing',
  'pending',
  'starting',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'skipped',
  'waiting',
] as const;
export type CoprState = (typeof COPR_STATES)[number];

export const source = z
  .object({
    link: z
      .object({
        url: httpURL.describe('Address of an SRPM (.src.rpm) or of a spec file (.spec); http or https.'),
      })
      .optional()
      .describe('Fetch an SRPM, or a spec file whose Source URLs are fetched too.'),
    git: z
      .object({
        url: z
          .string()
          .max(2048)
          .regex(/^(https?|git):\/\/[^\s/]+\/\S*$/)
          .describe('Clone URL of the repository; http, https or git.'),
        committish: z
          .string()
          .max(256)
          .regex(/^[A-Za-z0-9_][A-Za-z0-9._/@+-]*$/)
          .optional()
          .describe('Branch, tag, commit or full ref to build; default: the branch that HEAD of the repository names.'),
        subdirectory: z
          .string()
          .max(512)
          .regex(/^[A-Za-z0-9_.+-]+(\/[A-Za-z0-9_.+-]+)*$/)
          .optional()
          .describe('Directory of the package inside the repository; default: its root.'),
        spec: z
          .string()
          .max(255)
          .regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*\.spec$/)
          .optional()
          .describe('Name of the spec file in that directory; default: the only one there.'),
      })
      .optional()
      .describe('Clone a Git repository and make the SRPM from the spec file and sources in it.'),
  })
  .meta({
    description: 'Where the sources come from; exactly one method.',
    ...rules(
      cel(
        '[has(self.link), has(self.git)].filter(x, x).size() == 1',
        'a source needs exactly one method: set either link or git',
      ),
      cel(
        "!has(self.git) || !has(self.git.subdirectory) || !self.git.subdirectory.split('/').exists(p, p == '.' || p == '..')",
        'git.subdirectory must stay inside the repository: no "." or ".." in it',
      ),
    ),
  });
export type Source = z.infer<typeof source>;

export const nevra = z.object({
  name: z.string().max(256).describe('Package name.'),
  epoch: z.int().min(0).describe('Epoch; 0 when the package has none.'),
  version: z.string().max(256).describe('Version.'),
  release: z.string().max(256).describe('Release.'),
  arch: z.string().max(64).describe('RPM architecture, or noarch.'),
});
