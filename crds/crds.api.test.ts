import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crdOf } from './crd.ts';
import type { Manifest } from './examples.ts';
import { EXAMPLES, exampleOf } from './examples.ts';
import { ALL_KINDS } from './index.ts';
import { API_VERSION, GROUP, VERSION } from './kind.ts';
import type { Answer, Json, TestApi } from './testing/api.ts';
import { APPLY, eventually, MERGE, startTestApi } from './testing/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  for (const kind of ALL_KINDS) {
    const crd = crdOf(kind);
    await api.ok('PATCH', `${CRDS}/${crd.metadata.name}?fieldManager=test&fieldValidation=Strict`, crd, APPLY);
  }
  for (const kind of ALL_KINDS) {
    await eventually(
      `the CRD of ${kind.kind}`,
      () => api.ok('GET', `${CRDS}/${kind.plural}.${GROUP}`),
      (crd) => conditionOf(crd, 'Established') === 'True',
    );
  }
  for (const name of ['demo', 'kopr-builds']) await api.ok('POST', '/api/v1/namespaces', { metadata: { name } });
}, 90_000);

afterAll(() => api.stop());

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function conditionOf(obj: Json, type: string): string | undefined {
  const { conditions } = (obj.status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions?.find((condition) => condition.type === type)?.status;
}

function collection(kindName: string, namespace = 'demo'): string {
  const kind = ALL_KINDS.find((candidate) => candidate.kind === kindName);
  if (!kind) throw new Error(`there is no kind ${kindName}`);
  return `/apis/${GROUP}/${VERSION}${kind.namespaced ? `/namespaces/${namespace}` : ''}/${kind.plural}`;
}

/** The example with another spec: each member replaces one of the example's; undefined removes it. */
function variant(kind: string, spec: Json, name?: string): Manifest {
  const example = exampleOf(kind);
  return {
    ...example,
    metadata: { ...example.metadata, ...(name === undefined ? {} : { name }) },
    spec: { ...example.spec, ...spec },
  };
}

function create(manifest: Manifest, query = ''): Promise<Answer> {
  const path = collection(manifest.kind, manifest.metadata.namespace);
  return api.call('POST', `${path}?fieldValidation=Strict${query}`, manifest);
}

function specOf(answer: Answer): Json {
  expect(answer.body.message).toBeUndefined();
  return answer.body.spec as Json;
}

describe('the definitions', () => {
  it.each(ALL_KINDS.map((kind) => kind.plural))(
    '%s are structural, with nothing the API server objects to',
    async (plural) => {
      const crd = await api.ok('GET', `${CRDS}/${plural}.${GROUP}`);
      expect(conditionOf(crd, 'NonStructuralSchema') ?? 'False').toBe('False');
      expect(conditionOf(crd, 'NamesAccepted')).toBe('True');
    },
  );

  it('are listed under their short names in the category kopr', async () => {
    const { resources } = (await api.ok('GET', `/apis/${GROUP}/${VERSION}`)) as {
      resources: { name: string; shortNames?: string[]; categories?: string[] }[];
    };
    for (const kind of ALL_KINDS) {
      const found = resources.find(({ name }) => name === kind.plural);
      expect(found?.shortNames).toEqual(kind.shortNames);
      expect(found?.categories).toEqual(['kopr']);
      expect(resources.map(({ name }) => name)).toContain(`${kind.plural}/status`);
    }
  });

  it('give kubectl explain a text for a nested field', async () => {
    const document = await eventually(
      'the OpenAPI document of the group',
      () => api.call('GET', `/openapi/v3/apis/${GROUP}/${VERSION}`),
      ({ status, body }) => status === 200 && JSON.stringify(body).includes('dev.kopr.v1alpha1.Build"'),
    );
    expect(JSON.stringify(document.body)).toContain('Branch, tag, commit or full ref to build');
  });
});

describe('a correct manifest', () => {
  it.each(EXAMPLES.map((example) => [example.kind, example] as const))(
    'of the kind %s is accepted',
    async (_, example) => {
      const answer = await create(example);
      expect(answer.body.message).toBeUndefined();
      expect(answer.status).toBe(201);
    },
  );

  it.each([
    ['Project', { metadata: { name: 'contract' }, spec: { chroots: ['pebble-13-x86_64', 'pebble-12-i386'] } }],
    [
      'Build',
      {
        metadata: { name: 'contract-1' },
        spec: { project: 'contract', source: { link: { url: 'http://files.example/hello-2.12-1.src.rpm' } } },
      },
    ],
    [
      'Build',
      {
        metadata: { name: 'contract-2' },
        spec: {
          project: 'contract',
          source: {
            git: {
              url: 'http://10.201.0.1:8123/hello.git',
              committish: 'refs/heads/main',
              subdirectory: 'rpm/f43',
              spec: 'hello.spec',
            },
          },
          after: ['contract-1'],
        },
      },
    ],
  ])('of the contract (%s) is accepted as it stands', async (kind, manifest) => {
    const answer = await api.call('POST', `${collection(kind)}?fieldValidation=Strict`, {
      apiVersion: API_VERSION,
      kind,
      ...manifest,
    });
    expect(answer.body.message).toBeUndefined();
  });

  it('gets the defaults that it leaves out', async () => {
    const project = specOf(await create(variant('Project', { options: undefined }, 'defaults')));
    expect(project).toMatchObject({
      options: { network: false, moduleHotfixes: false, timeoutSeconds: 18000 },
      retention: { ttlSecondsAfterFinished: 86400, keepLast: 20 },
      suspend: false,
      deletionPolicy: 'Delete',
    });
    expect(specOf(await create(variant('Build', {}, 'defaults')))).toMatchObject({
      background: false,
      cancelled: false,
    });
    const pool = specOf(await create(variant('BuilderPool', { pod: {}, max: undefined }, 'defaults')));
    expect(pool).toMatchObject({ max: 4, maxStarting: 4, pod: { workspace: { medium: 'Disk', sizeLimit: '20Gi' } } });
  });

  it('gets the missing members of an object that it gives in part', async () => {
    const project = specOf(await create(variant('Project', { options: { network: true } }, 'partial')));
    expect(project.options).toEqual({ network: true, moduleHotfixes: false, timeoutSeconds: 18000 });
  });
});

describe('a wrong manifest is refused with a sentence:', () => {
  const link = { link: { url: 'https://files.example/a.src.rpm' } };
  const git = (more: Json): Json => ({ source: { git: { url: 'https://git.example/a.git', ...more } } });
  const table: [string, Manifest, RegExp][] = [
    ['no spec', { ...exampleOf('Project'), spec: undefined as unknown as Json }, /spec: Required value/],
    ['an unknown field', variant('Project', { chrots: [] }), /unknown field "spec.chrots"/],
    [
      'a Project without chroots',
      variant('Project', { chroots: [] }),
      /spec.chroots in body should have at least 1 items/,
    ],
    [
      'a word that is no chroot',
      variant('Project', { chroots: ['fedora'] }),
      /must be the name of a chroot: .* e\.g\. fedora-43-x86_64/,
    ],
    ['a chroot named twice', variant('Project', { chroots: ['a-1-x', 'a-1-x'] }), /Duplicate value: "a-1-x"/],
    [
      'a repository that is not http',
      variant('Project', { externalRepos: [{ baseurl: 'ftp://a/b' }] }),
      /must be an address that starts with http:\/\/ or https:\/\//,
    ],
    ['a long project name', variant('Project', {}, 'p'.repeat(64)), /the name of a Project has at most 63 characters/],
    [
      'a timeout of a second',
      variant('Project', { options: { timeoutSeconds: 1 } }),
      /should be greater than or equal to 60/,
    ],
    [
      'an unknown deletion policy',
      variant('Project', { deletionPolicy: 'Keep' }),
      /supported values: "Delete", "Retain"/,
    ],
    [
      'a project name in capitals',
      variant('Package', { project: 'Hello' }),
      /must be the name of an object: small letters/,
    ],
    [
      'a Build without any source',
      variant('Build', { source: undefined }),
      /a Build needs exactly one of source and package/,
    ],
    [
      'a Build with two sources',
      variant('Build', { package: 'hello' }),
      /a Build needs exactly one of source and package/,
    ],
    [
      'a source without a method',
      variant('Build', { source: {} }),
      /a source needs exactly one method: set either link or git/,
    ],
    [
      'a source with two methods',
      variant('Build', { source: { ...link, git: { url: 'https://a/b' } } }),
      /a source needs exactly one method/,
    ],
    [
      'a Package whose source has two methods',
      variant('Package', { source: { ...link, git: { url: 'https://a/b' } } }),
      /a source needs exactly one method/,
    ],
    [
      'a link to a local file',
      variant('Build', { source: { link: { url: 'file:///etc/passwd' } } }),
      /must be an address that starts with http/,
    ],
    [
      'a Git URL for ssh',
      variant('Build', { source: { git: { url: 'ssh://git@a/b' } } }),
      /must be the clone URL of a Git repository/,
    ],
    [
      'a committish that looks like an option',
      variant('Build', git({ committish: '--upload-pack=x' })),
      /must be a branch, a tag, a commit or a full ref/,
    ],
    [
      'a subdirectory outside of the repository',
      variant('Build', git({ subdirectory: 'a/../../b' })),
      /git\.subdirectory must stay inside the repository/,
    ],
    ['an absolute subdirectory', variant('Build', git({ subdirectory: '/etc' })), /must be a relative path/],
    [
      'a spec file in a directory',
      variant('Build', git({ spec: 'a/b.spec' })),
      /must be the name of a file that ends in \.spec/,
    ],
    ['a Build after itself', variant('Build', { after: ['self'] }, 'self'), /a Build cannot come after itself/],
    [
      'a condition both on and off',
      variant('Build', { with: ['x', 'y'], without: ['y'] }),
      /cannot be both in with and in without/,
    ],
    ['a build condition with a space', variant('Build', { with: ['a b'] }), /must be the name of a build condition/],
    ['a long build name', variant('Build', {}, 'b'.repeat(121)), /the name of a Build has at most 120 characters/],
    [
      'a source stage with a package',
      variant('ChrootBuild', { stage: 'source' }),
      /a source stage needs source, a binary stage needs package/,
    ],
    [
      'a binary stage with a source',
      variant('ChrootBuild', { package: undefined, source: link }),
      /a source stage needs source/,
    ],
    ['a ticket for a tag with a space', variant('BuilderTicket', { tags: ['a b'] }), /must be a tag/],
    [
      'a pool without a provider',
      variant('BuilderPool', { pod: undefined }),
      /a BuilderPool needs exactly one provider: set pod/,
    ],
    ['a pool without architectures', variant('BuilderPool', { architectures: [] }), /should have at least 1 items/],
    [
      'a size that is no quantity',
      variant('BuilderPool', { pod: { workspace: { sizeLimit: '20 GB' } } }),
      /must be a quantity as in Kubernetes/,
    ],
    [
      'a limit that is no quantity',
      variant('BuilderPool', { pod: { resources: { limits: { memory: 'much' } } } }),
      /must be a quantity as in Kubernetes/,
    ],
    [
      'a Chroot whose name does not fit',
      variant('Chroot', { architecture: 'i386' }),
      /name must be the distribution and the architecture joined by "-"/,
    ],
    [
      'a Chroot object with another name',
      variant('Chroot', {}, 'f43'),
      /metadata\.name must be spec\.name with "-" instead of "_"/,
    ],
    [
      'a Chroot without an engine',
      variant('Chroot', { container: undefined }),
      /a Chroot needs exactly one engine: set container/,
    ],
    ['a %dist without a dot', variant('Chroot', { distTag: 'fc43' }), /must be a dot and then letters/],
    [
      'a build root package that looks like an option',
      variant('Chroot', { buildrootPackages: ['--nogpgcheck'] }),
      /must be a package, a @group or a capability/,
    ],
    [
      'a repository id with a slash',
      variant('Chroot', { repos: [{ id: 'a/b', baseurl: 'http://a' }] }),
      /must be an id for dnf/,
    ],
    [
      'two repositories with one id',
      variant('Chroot', {
        repos: [
          { id: 'a', baseurl: 'http://a' },
          { id: 'a', baseurl: 'http://b' },
        ],
      }),
      /Duplicate value/,
    ],
    ['a branch that looks like an option', variant('Chroot', { distGitBranch: '-f' }), /must be a branch name/],
    [
      'a second quota in a namespace',
      variant('BuildQuota', {}, 'more'),
      /a namespace has one BuildQuota; its name must be "default"/,
    ],
    ['a weight of nothing', variant('BuildQuota', { weight: 0 }), /should be greater than or equal to 1/],
  ];

  it.each(table)('%s', async (_, manifest, message) => {
    const answer = await create(manifest, '&dryRun=All');
    expect(answer.body.message).toMatch(message);
    expect([400, 422]).toContain(answer.status);
  });
});

describe('a change', () => {
  const table: [string, string, Json, RegExp | undefined][] = [
    [
      'another source of a Build',
      'Build',
      { source: { link: { url: 'https://files.example/b.src.rpm' } } },
      /the spec of a Build cannot be changed/,
    ],
    ['another project of a Build', 'Build', { project: 'other' }, /the spec of a Build cannot be changed/],
    ['a timeout added to a Build', 'Build', { timeoutSeconds: 100 }, /the spec of a Build cannot be changed/],
    ['chroots taken from a Build', 'Build', { chroots: null }, /the spec of a Build cannot be changed/],
    ['another time to live of a Build', 'Build', { ttlSecondsAfterFinished: 5 }, undefined],
    ['the cancellation of a Build', 'Build', { cancelled: true }, undefined],
    ['the cancellation of a Build taken back', 'Build', { cancelled: false }, /a cancelled Build stays cancelled/],
    [
      "another commit of a ChrootBuild's stage",
      'ChrootBuild',
      { stage: 'source' },
      /what it builds cannot be changed|a source stage needs source/,
    ],
    ['another Build of a ChrootBuild', 'ChrootBuild', { build: 'other' }, /what it builds cannot be changed/],
    ['the cancellation of a ChrootBuild', 'ChrootBuild', { cancelled: true }, undefined],
    [
      'the cancellation of a ChrootBuild taken back',
      'ChrootBuild',
      { cancelled: false },
      /a cancelled stage stays cancelled/,
    ],
    [
      'another owner of a ticket',
      'BuilderTicket',
      { owner: 'other' },
      /the claim of a BuilderTicket .* cannot be changed/,
    ],
    ['another priority of a ticket', 'BuilderTicket', { priority: 7 }, undefined],
    ['the end of a ticket', 'BuilderTicket', { closed: true }, undefined],
    ['the end of a ticket taken back', 'BuilderTicket', { closed: false }, /a closed ticket stays closed/],
    [
      'another sandbox of a Builder',
      'Builder',
      { sandbox: 'other/other' },
      /a Builder serves one stage for its whole life/,
    ],
    ['another name of a Chroot', 'Chroot', { name: 'fedora-43-x86-64' }, /the name of a chroot cannot be changed/],
    ['an image of a Chroot', 'Chroot', { container: { image: 'registry.example/fedora:43' } }, undefined],
  ];

  // In this order: some rows follow from the one before.
  it.each(table)('is refused or taken as it should: %s', async (_, kind, spec, message) => {
    const { name, namespace } = exampleOf(kind).metadata;
    const path = `${collection(kind, namespace)}/${name}?fieldValidation=Strict`;
    const answer = await api.call('PATCH', path, { spec }, MERGE);
    if (message) expect(answer.body.message).toMatch(message);
    else expect(answer.body.message).toBeUndefined();
    expect(answer.status).toBe(message ? 422 : 200);
  });
});

describe('status', () => {
  it('is written by server-side apply through its subresource and leaves the generation alone', async () => {
    const status = {
      state: 'running',
      observedGeneration: 1,
      conditions: [condition('Succeeded'), condition('Complete')],
    };
    const path = `${collection('Build')}/contract-1`;
    const before = await api.ok('GET', path);
    const applied = await api.ok(
      'PATCH',
      `${path}/status?fieldManager=builds&force=true&fieldValidation=Strict`,
      { apiVersion: API_VERSION, kind: 'Build', metadata: { name: 'contract-1' }, status },
      APPLY,
    );
    expect(applied.status).toEqual(status);
    expect(applied.metadata).toMatchObject({ generation: (before.metadata as Json).generation });
  });

  it('is merged by the type of the condition when two managers apply it', async () => {
    const path = `${collection('Project')}/contract/status`;
    for (const [manager, type] of [
      ['one', 'Ready'],
      ['two', 'Reconciling'],
    ]) {
      await api.ok(
        'PATCH',
        `${path}?fieldManager=${manager}`,
        {
          apiVersion: API_VERSION,
          kind: 'Project',
          metadata: { name: 'contract' },
          status: { conditions: [condition(type ?? '')] },
        },
        APPLY,
      );
    }
    const { conditions } = (await api.ok('GET', path)).status as { conditions: { type: string }[] };
    expect(conditions.map(({ type }) => type)).toEqual(['Ready', 'Reconciling']);
  });

  it('is refused when a state is none of the known words', async () => {
    const answer = await api.call(
      'PATCH',
      `${collection('Build')}/contract-2/status`,
      { status: { state: 'lost' } },
      MERGE,
    );
    expect(answer.body.message).toMatch(/Unsupported value: "lost": supported values: "importing"/);
  });

  it('cannot be smuggled in with the object', async () => {
    const answer = await create({ ...variant('Build', {}, 'smuggler'), status: { state: 'succeeded' } } as Manifest);
    expect(answer.status).toBe(201);
    expect(answer.body).not.toHaveProperty('status');
  });

  function condition(type: string): Json {
    return {
      type,
      status: 'Unknown',
      reason: 'Running',
      message: 'It is being built.',
      lastTransitionTime: '2026-01-02T03:04:05.678Z',
    };
  }
});

describe('a field selector', () => {
  it('finds Builds by project and state', async () => {
    const query = new URLSearchParams({ fieldSelector: 'spec.project=contract,status.state=running' });
    const { items } = (await api.ok('GET', `${collection('Build')}?${query}`)) as {
      items: { metadata: { name: string } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['contract-1']);
  });

  it.each(ALL_KINDS.flatMap((kind) => kind.selectableFields.map((path) => [kind.kind, path] as const)))(
    'of %s understands %s',
    async (kind, path) => {
      const query = new URLSearchParams({ fieldSelector: `${path.slice(1)}=nothing-has-this-value` });
      const { items } = (await api.ok('GET', `${collection(kind)}?${query}`)) as { items: unknown[] };
      expect(items).toEqual([]);
    },
  );
});

describe('kubectl get', () => {
  it('shows the columns of a Build', async () => {
    const client = await api.table(`${collection('Build')}/contract-1`);
    expect(client.columns.slice(0, 6)).toEqual(['Name', 'State', 'Package', 'Chroots', 'Reason', 'Age']);
    expect(client.rows[0]?.slice(0, 2)).toEqual(['contract-1', 'running']);
  });
});
