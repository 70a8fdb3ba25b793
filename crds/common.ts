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

/**
 * A string of at most `max` characters that fits `regex`, and the sentence that a wrong one is refused with. The CRD
 * gets a CEL rule for it: the API server's answer to a violated `pattern` is the expression, not its meaning.
 */
export function text(max: number, regex: RegExp, message: string): z.ZodString {
  return z
    .string()
    .max(max)
    .regex(regex, message)
    .meta(rules(cel(`self.matches(r'${regex.source.replaceAll('\\/', '/')}')`, message)));
}

export const objectName = text(
  253,
  /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
  'must be the name of an object: small letters, digits, "-" and ".", with a letter or digit at both ends',
);

export const chrootName = text(
  100,
  /^[a-z0-9][a-z0-9.+_]*(-[a-z0-9.+_]+)+$/,
  'must be the name of a chroot: distribution, release and architecture joined by "-", e.g. fedora-43-x86_64',
).describe('Name of a chroot as in Copr: distribution, release and architecture, e.g. fedora-43-x86_64.');

/** URLs are shown in statuses, events and logs, and whoever may read the object reads them. */
const withoutCredentials = cel(
  "!self.matches(r'^[^/]*//[^/?#]*@')",
  'must not hold a user name or password: everybody who may read the object would see it',
);

/** As text(); further rules stand beside the one that `regex` becomes. */
function url(regex: RegExp, message: string, ...more: { rule: string; message: string }[]): z.ZodString {
  const checked = text(2048, regex, message);
  const own = checked.meta() as { 'x-kubernetes-validations': { rule: string; message: string }[] };
  return checked.meta(rules(...own['x-kubernetes-validations'], withoutCredentials, ...more));
}

export const httpURL = url(
  /^https?:\/\/[^\s/]+(\/\S*)?$/,
  'must be an address that starts with http:// or https://, without spaces',
);

export const REPO_URL = /^(https?:\/\/[^\s/]+(\/\S*)?|copr:\/\/@?[A-Za-z0-9_.-]+\/[A-Za-z0-9_.:-]+(\?\S*)?)$/;

/** A repository: on the web, or `copr://owner/project[:directory]` for one of this kopr. */
export const repoURL = url(
  REPO_URL,
  'must be an address that starts with http:// or https://, or copr://OWNER/PROJECT for a project of this kopr, without spaces',
);

/** How mock makes a build root, and how it isolates a build. The engine container takes no notice of either. */
export const BOOTSTRAPS = ['default', 'on', 'off', 'image'] as const;
export const ISOLATIONS = ['default', 'nspawn', 'simple'] as const;

export const image = text(
  512,
  /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/,
  'must be the reference of an image: letters, digits and . _ : / @ -',
);

/** Name in the sense of Copr, where it is none that an object can have. */
export const coprName = text(
  100,
  /^([0-9]*[A-Za-z_]|[0-9]+[.-])[A-Za-z0-9_.-]*$/,
  'must be letters, digits and . _ -, beginning with a letter, digit or _, and not digits alone',
);

const linkURL = url(
  /^https?:\/\/[^\s/]+(\/\S*)?$/,
  'must be an address that starts with http:// or https://, without spaces',
  cel(
    "self.matches(r'^[^?#]*/[^/?#]+\\.((src|nosrc)\\.rpm|spec)([?#].*)?$')",
    'must name an SRPM or a spec file: its path ends in .src.rpm, .nosrc.rpm or .spec',
  ),
);

const gitURL = url(
  /^https?:\/\/[^\s/]+\/\S*$/,
  'must be the clone URL of a Git repository that starts with https:// or http://',
);

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
        url: linkURL.describe('Address of an SRPM (.src.rpm) or of a spec file (.spec); http or https.'),
      })
      .optional()
      .describe('Fetch an SRPM, or a spec file whose Source URLs are fetched too.'),
    upload: z
      .object({
        id: text(32, /^[0-9a-f]{32}$/, 'must be the id of an upload: 32 digits from 0 to 9 and a to f').describe(
          'Id that the upload was answered with.',
        ),
        name: text(
          255,
          /^[A-Za-z0-9_][A-Za-z0-9._+~^-]*\.(src\.rpm|nosrc\.rpm|spec)$/,
          'must be the name of an SRPM or spec file: it ends in .src.rpm, .nosrc.rpm or .spec, without a directory',
        ).describe('File name.'),
        sha256: text(64, /^[0-9a-f]{64}$/, 'must be a SHA-256 in small hexadecimal digits').describe(
          'Digest of the file.',
        ),
        size: z.int().min(0).describe('Bytes of the file.'),
      })
      .optional()
      .describe(
        'A file that was uploaded through the REST API before. It is deleted some time after the Build has ended.',
      ),
    git: z
      .object({
        url: gitURL.describe('Clone URL of the repository; http or https.'),
        committish: text(
          256,
          /^[A-Za-z0-9_][A-Za-z0-9._/@+-]*$/,
          'must be a branch, a tag, a commit or a full ref: letters, digits and . _ / @ + -, beginning with a letter, digit or _',
        )
          .optional()
          .describe('Branch, tag, commit or full ref to build; default: the branch that HEAD of the repository names.'),
        subdirectory: text(
          512,
          /^[A-Za-z0-9_.+-]+(\/[A-Za-z0-9_.+-]+)*$/,
          'must be a relative path of letters, digits and _ . + -, with "/" between directories only',
        )
          .optional()
          .describe('Directory of the package inside the repository; default: its root.'),
        spec: text(
          255,
          /^[A-Za-z0-9_][A-Za-z0-9._+-]*\.spec$/,
          'must be the name of a file that ends in .spec, without a directory',
        )
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
        '[has(self.link), has(self.git), has(self.upload)].filter(x, x).size() == 1',
        'a source needs exactly one method: set one of link, git and upload',
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

/** Of a Build or a Package. */
export const buildChroots = z
  .array(chrootName)
  .min(1)
  .max(100)
  .optional()
  .meta({ description: 'Chroots to build in; default: all of the project.', ...asSet });
