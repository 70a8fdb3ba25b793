/** Everything that the OpenAPI document allows, and much that it does not, sent by schemathesis from PyPI. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import { api, apiURL, type CoprUser, coprUser, deleteProjects, execute, removeScratch } from './copr.ts';
import { kubectl } from './harness.ts';

/** No request may take longer: a hang is a failure. */
const LONGEST_SECONDS = '10';

let erin: CoprUser;
let directory: string;

beforeAll(async () => {
  erin = await coprUser('erin');
  directory = await mkdtemp(join(tmpdir(), 'kopr-schemathesis-'));
  await deleteProjects('erin');
});

afterAll(async () => {
  await deleteProjects('erin');
  await rm(directory, { recursive: true, force: true });
  await removeScratch();
});

describe('schemathesis', () => {
  it.each([
    ['somebody with a token', true],
    ['nobody', false],
  ])('finds neither a server error nor a hang as %s', async (_who, known) => {
    const bin = lastLine(await run(join(ROOT, 'test', 'clients', 'install.sh'), ['schemathesis']));
    const said = await execute(
      join(bin, 'schemathesis'),
      [
        'run',
        `${await apiURL()}/api_3/openapi.json`,
        '--checks',
        'not_a_server_error',
        '--phases',
        'examples,coverage,fuzzing',
        '--max-examples',
        known ? '25' : '8',
        '--seed',
        '4',
        // More than one would meet a defect of Python 3.11: its parser counts its depth for all threads together.
        '--workers',
        '1',
        '--request-timeout',
        LONGEST_SECONDS,
        '--max-response-time',
        LONGEST_SECONDS,
        '--suppress-health-check',
        'all',
        '--warnings',
        'off',
        '--no-shrink',
        '--continue-on-failure',
        // A token that is exchanged for another one would end the run.
        '--exclude-path',
        '/api_3/api-token',
        ...(known ? ['--header', `Authorization: Basic ${btoa(`${erin.login}:${erin.token}`)}`] : []),
      ],
      directory,
    );
    expect(said.code, said.stdout.slice(-6000)).toBe(0);
    expect(said.stdout).toMatch(/[1-9]\d* (generated|passed)/);
  });

  it('leaves an API that answers, and nothing in the namespaces of others', async () => {
    expect((await api('GET', '/')).body).toEqual({ version: 3 });
    const path =
      'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.annotations.kopr\\.dev/submitter}{"\\n"}{end}';
    const builds = (await kubectl('get', 'builds', '-A', '-l', 'kopr.dev/id', '-o', path)).split('\n');
    const hers = builds.filter((line) => line.endsWith(' erin')).map((line) => line.split(' ')[0]);
    expect([...new Set(hers)].filter((namespace) => namespace !== 'erin')).toEqual([]);
  });
});
