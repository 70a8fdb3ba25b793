/** With a history of 100,000 builds no query reads a large table as a whole, and each is far below what a client waits. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildFilter, Database } from './database.ts';
import { connectionSettings } from './pool.ts';
import * as builds from './queries/builds.ts';
import * as monitor from './queries/monitor.ts';
import * as packages from './queries/packages.ts';
import { GET_BY_LOGIN } from './queries/tokens.ts';
import type { Statement } from './sql.ts';
import { generateHistory } from './testing/history.ts';
import { openTestDatabase } from './testing/open.ts';
import type { TestPostgres } from './testing/postgres.ts';
import { startPostgres } from './testing/postgres.ts';

const HISTORY = { builds: 100_000, projects: 5_000 };
const LARGE = ['builds', 'build_chroots', 'build_packages', 'packages', 'monitor'];
/** Milliseconds of the median; a whole request may take 150 ms. The slowest depend on what else the machine does. */
const SLOW_MS = 50;

let postgres: TestPostgres;
let db: Database;
let client: pg.Client;

beforeAll(async () => {
  postgres = await startPostgres();
  const url = await postgres.createDatabase();
  db = await openTestDatabase(url);
  await generateHistory(url, HISTORY);
  client = new pg.Client(connectionSettings(url, 'explain'));
  await client.connect();
}, 120_000);

afterAll(async () => {
  await client?.end();
  await db?.close();
  await postgres?.stop();
});

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** The plan that is used for every value, as that of a statement that is prepared and often run. */
async function planOf({ text }: Statement, values: readonly unknown[]): Promise<PlanNode[]> {
  await client.query('SET plan_cache_mode = force_generic_plan');
  await client.query(`PREPARE explained AS ${text}`);
  try {
    const list = values.map((value) => client.escapeLiteral(literal(value))).join(', ');
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (FORMAT JSON) EXECUTE explained(${list})`,
    );
    return nodesOf((rows[0] as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'][0].Plan);
  } finally {
    await client.query('DEALLOCATE explained');
  }
}

function literal(value: unknown): string {
  return Array.isArray(value) ? `{${value.join(',')}}` : String(value);
}

const PROJECTS = { 'the largest project': 'uid-p1', 'a small project': 'uid-p2500' };
const FILTERS: Omit<BuildFilter, 'project'>[] = [
  {},
  { excluding: [99_990, 99_980] },
  { before: 50_000 },
  { before: 50_000, package: 'pkg3', status: 'succeeded' },
  { package: 'pkg3' },
  { status: 'failed' },
  { status: 'canceled' },
  { dirname: 'p1' },
  { dirname: 'p1:pr:1', package: 'pkg3' },
  { package: 'pkg3', status: 'succeeded' },
  { package: 'pkg3', status: 'failed', dirname: 'p1' },
];

function statements(): [string, Statement, unknown[]][] {
  const project = 'uid-p1';
  const lists = FILTERS.map((filter): [string, Statement, unknown[]] => {
    const whole = { project, ...filter };
    const statement = builds.listStatement(whole, 'list');
    return [`${statement.name} of ${JSON.stringify(filter)}`, statement, [...builds.filterValues(whole), 100, 0]];
  });
  return [
    ...lists,
    ['builds.count', builds.listStatement({ project }, 'count'), [project, []]],
    ['builds.get', builds.GET, [50_000]],
    ['builds.byNumbers', builds.BY_NUMBERS, [[1, 2, 3]]],
    ['builds.chroots', builds.CHROOTS, [50_000]],
    ['builds.nevras', builds.NEVRAS, [50_000]],
    ['packages.list', packages.LIST, [project, 100, 0]],
    ['packages.count', packages.COUNT, [project]],
    ['packages.listWithBuilds', packages.withBuildsStatement('list', false), [project, [], 100, 0]],
    ['packages.listWithBuilds of a directory', packages.withBuildsStatement('list', true), [project, [], 'p1', 100, 0]],
    ['packages.getWithBuilds', packages.withBuildsStatement('get', false), [project, [], 'pkg3']],
    ['packages.builds', packages.BUILDS, [project, 'pkg3']],
    ['monitor.rows', monitor.ROWS, [project, 'p1']],
    ['monitor.rowsWithout', monitor.ROWS_WITHOUT, [project, 'p1', [99_990]]],
    ['tokens.byLogin', GET_BY_LOGIN, ['login']],
  ];
}

describe('with 100,000 builds in 5,000 projects', () => {
  it.each(statements())('%s reads by index', async (name, statement, values) => {
    const nodes = await planOf(statement, values);
    const scans = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'] ?? '');
    expect(scans.filter((table) => LARGE.includes(table))).toEqual([]);
    if (name.startsWith('builds.list')) {
      const types = nodes.map((node) => node['Node Type']);
      expect(types).not.toContain('Sort');
      expect(types).toContain('Index Scan');
    }
  });

  const calls: [string, (project: string) => Promise<unknown>][] = [
    ...FILTERS.map((filter): [string, (project: string) => Promise<unknown>] => [
      `100 builds of ${JSON.stringify(filter)}`,
      (project) => db.builds.list({ project, ...filter }, { limit: 100, offset: 0 }),
    ]),
    ['the last page', (project) => db.builds.list({ project }, { limit: 100, offset: 9_900 })],
    ['the number of builds', (project) => db.builds.count({ project })],
    ['one build', () => db.builds.get(50_000)],
    ['chroots of a build', () => db.builds.chroots(50_000)],
    ['packages of a build', () => db.builds.nevras(50_000)],
    ['100 packages with their builds', (project) => db.packages.listWithBuilds({ project }, { limit: 100, offset: 0 })],
    [
      '100 packages with builds of a directory',
      (project) => db.packages.listWithBuilds({ project, dirname: 'p1' }, { limit: 100, offset: 0 }),
    ],
    ['the monitor', (project) => db.monitor.rows(project, 'p1')],
    ['the monitor without some', (project) => db.monitor.rows(project, 'p1', [99_990, 99_980])],
  ];
  it.each(calls)('%s are there at once', async (name, call) => {
    for (const [size, project] of Object.entries(PROJECTS)) {
      const times: number[] = [];
      for (let round = 0; round < 60; round += 1) {
        const start = performance.now();
        await call(project);
        times.push(performance.now() - start);
      }
      // The first calls prepare the statement on their connection.
      const settled = times.slice(10).sort((a, b) => a - b);
      const median = settled[25] as number;
      if (process.env.KOPR_SHOW_TIMES !== undefined) {
        process.stdout.write(`${name}, ${size}: median ${median.toFixed(2)} ms, 95 %: ${settled[47]?.toFixed(2)} ms\n`);
      }
      expect(median).toBeLessThan(SLOW_MS);
    }
  });
});
