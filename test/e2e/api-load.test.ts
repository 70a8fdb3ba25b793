/** Two hundred clients for a minute, uploads among them: no request fails, and memory stays bounded. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api, apiURL, type CoprUser, coprUser, deleteProjects, localFixture, removeScratch } from './copr.ts';
import { kubectl, RELEASE_NAMESPACE } from './harness.ts';

const CLIENTS = 200;
const SECONDS = 60;
const OWNER = 'frank';
const MEMORY_LIMIT = 400 * 2 ** 20;

let frank: CoprUser;
let base: string;
let agent: Agent;

interface Sample {
  route: string;
  ms: number;
}

async function one(
  route: string,
  method: 'GET' | 'POST',
  path: string,
  samples: Sample[],
  body?: Buffer,
  type?: string,
) {
  const begin = performance.now();
  const answer = await request(`${base}${path}`, {
    method,
    dispatcher: agent,
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
    ...(body === undefined
      ? {}
      : {
          body,
          headers: {
            'content-type': type ?? 'application/json',
            authorization: `Basic ${btoa(`${frank.login}:${frank.token}`)}`,
          },
        }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${route}: ${answer.statusCode} ${text.slice(0, 300)}`);
  samples.push({ route, ms: performance.now() - begin });
}

/** The request of an upload build, as python-copr sends it: the file first, then the parameters. */
function multipart(file: Buffer, parameters: object): { body: Buffer; type: string } {
  const boundary = randomBytes(16).toString('hex');
  const part = (head: string): string => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(part('name="pkgs"; filename="hello-2.12-1.src.rpm"\r\nContent-Type: application/x-rpm')),
    file,
    Buffer.from(`\r\n${part('name="json"; filename="json"\r\nContent-Type: application/json')}`),
    Buffer.from(`${JSON.stringify(parameters)}\r\n--${boundary}--\r\n`),
  ]);
  return { body, type: `multipart/form-data; boundary=${boundary}` };
}

/** Bytes that each pod of the API uses, as its node sees it. */
async function memory(): Promise<number[]> {
  const node = (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
  const summary = JSON.parse(await kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`)) as {
    pods: { podRef: { name: string }; memory?: { workingSetBytes?: number } }[];
  };
  return summary.pods
    .filter(({ podRef }) => podRef.name.startsWith('kopr-api-'))
    .map((pod) => pod.memory?.workingSetBytes ?? 0);
}

beforeAll(async () => {
  frank = await coprUser(OWNER);
  base = await apiURL();
  agent = new Agent({ connections: CLIENTS });
  await deleteProjects(OWNER);
  await frank.ok('create', 'load', '--chroot', 'pebble-13-x86_64');
  // What is measured is the facade: nothing of all that is submitted is built.
  await kubectl('-n', OWNER, 'patch', 'project', 'load', '--type=merge', '-p', '{"spec":{"suspend":true}}');
  await frank.ok('build', 'load', 'http://files.example/hello-2.12-1.src.rpm', '--nowait');
});

afterAll(async () => {
  await agent.close();
  await deleteProjects(OWNER);
  await removeScratch();
});

it(`serves ${CLIENTS} clients for ${SECONDS} seconds without a failed request, in bounded memory`, async () => {
  const [build] = (await api('GET', `/build/list?ownername=${OWNER}&projectname=load`)).body.items as { id: number }[];
  const upload = multipart(await readFile(await localFixture('hello-2.12-1.src.rpm')), {
    ownername: OWNER,
    projectname: 'load',
  });
  const where = `ownername=${OWNER}&projectname=load`;
  const reads: [string, string][] = [
    ['project', `/api_3/project?${where}`],
    ['project.list', '/api_3/project/list?limit=100'],
    ['project.search', '/api_3/project/search?query=load'],
    ['project-chroot', `/api_3/project-chroot?${where}&chrootname=pebble-13-x86_64`],
    ['mock-chroots.list', '/api_3/mock-chroots/list'],
    ['build', `/api_3/build/${build?.id}`],
    ['build.list', `/api_3/build/list?${where}&limit=20`],
    ['build-chroot.list', `/api_3/build-chroot/list?build_id=${build?.id}`],
    ['package.list', `/api_3/package/list?${where}&limit=20`],
    ['monitor', `/api_3/monitor?${where}`],
    ['rpmrepo', `/api_3/rpmrepo/${OWNER}/load/pebble-13/`],
    ['repo', `/coprs/${OWNER}/load/repo/pebble-13/dnf.repo`],
  ];
  const samples: Sample[] = [];
  const failures: string[] = [];
  const before = await memory();
  const end = performance.now() + SECONDS * 1000;
  let most = 0;

  async function client(number: number): Promise<void> {
    for (let turn = 0; performance.now() < end; turn++) {
      try {
        // Every twentieth client uploads, once in a while: each upload is a Build.
        if (number % 20 === 0 && turn % 20 === 0) {
          await one('build.create.upload', 'POST', '/api_3/build/create/upload', samples, upload.body, upload.type);
        } else {
          const [route, path] = reads[(number + turn) % reads.length] ?? ['', ''];
          await one(route, 'GET', path, samples);
        }
      } catch (error) {
        failures.push(String(error));
        if (failures.length > 20) return;
      }
    }
  }
  async function watchMemory(): Promise<void> {
    while (performance.now() < end) {
      most = Math.max(most, ...(await memory()));
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    }
  }
  await Promise.all([watchMemory(), ...Array.from({ length: CLIENTS }, (_, number) => client(number))]);

  expect(failures).toEqual([]);
  const routes = [...new Set(samples.map(({ route }) => route))].sort();
  const table = routes.map((route) => {
    const times = samples.filter((sample) => sample.route === route).map(({ ms }) => ms);
    times.sort((a, b) => a - b);
    const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(0);
    return `${route}: ${times.length} requests, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
  });
  process.stderr.write(
    `${table.join('\n')}\n${samples.length} requests in ${SECONDS} s; memory of an api pod ${Math.max(...before) >> 20} MiB before, ${most >> 20} MiB at most\n`,
  );
  expect(routes).toContain('build.create.upload');
  expect(most).toBeLessThan(MEMORY_LIMIT);
  const restarts = await kubectl(
    '-n',
    RELEASE_NAMESPACE,
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/component=api',
    '-o',
    'jsonpath={.items[*].status.containerStatuses[0].restartCount}',
  );
  expect(restarts.split(' ').every((count) => count === '0')).toBe(true);
});
