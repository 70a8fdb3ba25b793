/** The hooks for KubeVirt that the documentation has, run as they stand, against an API server that knows its kinds. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { eventually, startTestApi } from '../crds/testing/api.ts';
import { parseMachineData } from '../lib/resalloc/machine-data.ts';
import { pick, toolsDirectory } from './testing/helm.ts';
import { documentsOf, isManifest, yamlBlocks } from './testing/markdown.ts';

const exec = promisify(execFile);
const MACHINES = '/apis/kubevirt.io/v1/namespaces/kopr-machines';
const POOL = pick(yamlBlocks('docs/builders.md').flatMap(documentsOf).filter(isManifest), 'BuilderPool', 'kubevirt');

let api: TestApi;
let home: string;
let environment: Record<string, string>;

beforeAll(async () => {
  api = await startTestApi();
  home = mkdtempSync(join(tmpdir(), 'kopr-kubevirt-'));
  for (const kind of ['VirtualMachine', 'VirtualMachineInstance']) await define(kind);
  await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'kopr-machines' } });
  const kubeconfig = join(home, 'kubeconfig');
  const config = parse(readFileSync(api.kubeconfig, 'utf8')) as { contexts: { context: Json }[] };
  for (const { context } of config.contexts) context.namespace = 'kopr-machines';
  writeFileSync(kubeconfig, JSON.stringify(config));
  environment = {
    PATH: `${await toolsDirectory()}:${process.env.PATH ?? ''}`,
    HOME: home,
    KUBECONFIG: kubeconfig,
    AUTHORIZED_KEY: 'ssh-ed25519 AAAA kopr-builder',
    RESALLOC_NAME: 'kubevirt-00000001',
    RESALLOC_POOL_ID: 'kubevirt',
  };
}, 240_000);

afterAll(async () => {
  await api.stop();
  rmSync(home, { recursive: true, force: true });
});

async function define(kind: string): Promise<void> {
  const singular = kind.toLowerCase();
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await api.ok('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `${singular}s.kubevirt.io` },
    spec: {
      group: 'kubevirt.io',
      names: { kind, singular, plural: `${singular}s`, listKind: `${kind}List` },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  const list = (): ReturnType<TestApi['call']> => api.call('GET', `/apis/kubevirt.io/v1/${singular}s`);
  await eventually(kind, list, ({ status }) => status === 200);
}

/** What the hook prints. */
async function run(hook: 'new' | 'delete' | 'list'): Promise<string> {
  const { command } = POOL.spec as { command: Record<string, { command: [string, ...string[]] }> };
  const [program, ...args] = command[hook]?.command ?? [''];
  const { stdout } = await exec(program, args, { env: environment, timeout: 120_000 });
  return stdout;
}

/** What KubeVirt does once it sees the machine. */
async function boot(): Promise<Json> {
  const path = `${MACHINES}/virtualmachines/kubevirt-00000001`;
  const { body } = await eventually(
    'the machine',
    () => api.call('GET', path),
    ({ status }) => status === 200,
  );
  await api.ok('POST', `${MACHINES}/virtualmachineinstances`, {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'kubevirt-00000001' },
    status: { interfaces: [{ ipAddress: '10.42.0.9' }] },
  });
  return body;
}

describe('the documented hooks for KubeVirt', () => {
  it('make a machine with the host key that they print, list it, and delete it however often they are asked to', async () => {
    const [output, machine] = await Promise.all([run('new'), boot()]);
    const parsed = parseMachineData(output);
    expect(parsed).toMatchObject({ data: { host: '10.42.0.9', port: 22 } });
    const [key] = 'data' in parsed ? parsed.data.hostKeys : [];
    expect(await publicHalf(seedOf(machine))).toBe(key);

    expect(await run('list')).toBe('kubevirt-00000001\n');
    await run('delete');
    expect(await run('list')).toBe('');
    await run('delete');
  }, 240_000);

  it('let in the key of the pool alone', async () => {
    rmSync(join(home, 'host-key'), { force: true });
    await api.call('DELETE', `${MACHINES}/virtualmachineinstances/kubevirt-00000001`);
    const [, machine] = await Promise.all([run('new'), boot()]);
    const { users } = parse(seedOf(machine)) as { users: object[] };
    expect(users).toEqual([{ name: 'root', ssh_authorized_keys: ['ssh-ed25519 AAAA kopr-builder'] }]);
  }, 240_000);
});

/** The cloud-init of a machine. */
function seedOf(machine: Json): string {
  const { volumes } = (
    machine as { spec: { template: { spec: { volumes: { cloudInitNoCloud?: { userData: string } }[] } } } }
  ).spec.template.spec;
  return volumes.find(({ cloudInitNoCloud }) => cloudInitNoCloud !== undefined)?.cloudInitNoCloud?.userData ?? '';
}

async function publicHalf(seed: string): Promise<string> {
  const { ssh_keys: keys } = parse(seed) as { ssh_keys: { ed25519_private: string; ed25519_public: string } };
  const file = join(home, 'private');
  writeFileSync(file, keys.ed25519_private, { mode: 0o600 });
  const { stdout } = await exec('ssh-keygen', ['-y', '-f', file]);
  expect(stdout.trim()).toBe(keys.ed25519_public);
  return stdout.trim();
}
