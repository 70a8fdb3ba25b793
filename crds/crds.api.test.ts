import { describe, expect, it } from 'vitest';
import { chrootObjectName } from './chroot.ts';
import type { Manifest } from './examples.ts';
import { EXAMPLES } from './examples.ts';
import { ALL_KINDS } from './index.ts';
import { API_VERSION, GROUP, VERSION } from './kind.ts';
import type { Answer, Json, TestApi } from './testing/api.ts';
import { APPLY, eventually, MERGE } from './testing/api.ts';
import { CRDS, collection, conditionOf, create, useInstalledApi, variant } from './testing/installed.ts';

let api: TestApi;

useInstalledApi((fresh) => {
  api = fresh;
});

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
      const hasStatus = resources.some(({ name }) => name === `${kind.plural}/status`);
      expect(hasStatus).toBe(kind.status !== undefined);
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
      const answer = await create(api, example);
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

  it.each([
    'http://files.example/words-3.1-1.src.rpm?again',
    'https://files.example/a@b/hello.spec#top',
    'https://files.example:8443/a.src.rpm?user=a@b',
  ])('may link to %s', async (url) => {
    const answer = await create(api, variant('Build', { source: { link: { url } } }, 'linked'), '&dryRun=All');
    expect(answer.body.message).toBeUndefined();
  });

  it('may name a chroot with a plus sign', async () => {
    const spec = { name: 'el-9+epel-x86_64', distribution: 'el-9+epel' };
    const answer = await create(api, variant('Chroot', spec, chrootObjectName(spec.name)), '&dryRun=All');
    expect(answer.body.message).toBeUndefined();
  });

  it('gets the defaults that it leaves out', async () => {
    const project = specOf(await create(api, variant('Project', { options: undefined }, 'defaults')));
    expect(project).toMatchObject({
      options: { network: false, moduleHotfixes: false, timeoutSeconds: 18000 },
      retention: { ttlSecondsAfterFinished: 86400, keepLast: 20 },
      suspend: false,
      deletionPolicy: 'Delete',
    });
    expect(specOf(await create(api, variant('Build', {}, 'defaults')))).toMatchObject({
      background: false,
      cancelled: false,
    });
    const pool = specOf(await create(api, variant('BuilderPool', { pod: {}, max: undefined }, 'defaults')));
    expect(pool).toMatchObject({ max: 4, maxStarting: 4, pod: { workspace: { medium: 'Disk', sizeLimit: '20Gi' } } });
  });

  it('gets the missing members of an object that it gives in part', async () => {
    const project = specOf(await create(api, variant('Project', { options: { network: true } }, 'partial')));
    expect(project.options).toMatchObject({
      network: true,
      moduleHotfixes: false,
      autoPrune: true,
      timeoutSeconds: 18000,
    });
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
    const answer = await create(api, {
      ...variant('Build', {}, 'smuggler'),
      status: { state: 'succeeded' },
    } as Manifest);
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

describe('kubectl get', () => {
  it('shows the columns of a Build', async () => {
    const client = await api.table(`${collection('Build')}/contract-1`);
    expect(client.columns.slice(0, 6)).toEqual(['Name', 'State', 'Package', 'Chroots', 'Reason', 'Age']);
    expect(client.rows[0]?.slice(0, 2)).toEqual(['contract-1', 'running']);
  });
});
