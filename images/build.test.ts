import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const TARGETS = [
  'operator',
  'keygen',
  'distgit',
  'publisher',
  'builder',
  'selftest',
  'api',
  'resalloc',
  'web',
  'postgres',
  'redis',
];
/** Servers of others, which a script of ours starts. */
const SCRIPTS = ['postgres', 'redis'];
const containerfile = readFileSync(join(import.meta.dirname, 'Containerfile'), 'utf8');

let dist = '';
beforeAll(() => {
  dist = mkdtempSync(join(tmpdir(), 'kopr-dist-'));
  for (const name of [
    'operator',
    'bootstrap',
    'keygen',
    'distgit',
    'publisher',
    'builder',
    'selftest',
    'api',
    'resalloc',
  ]) {
    writeFileSync(join(dist, `${name}.mjs`), `console.log('${name}');\n`);
  }
});
afterAll(() => rmSync(dist, { recursive: true }));

function build(...args: string[]) {
  const env = { ...process.env, KOPR_DIST: dist, KOPR_CACHE: join(dist, 'cache') };
  return spawnSync(join(import.meta.dirname, 'build.sh'), args, { env, encoding: 'utf8' });
}

describe('the tag', () => {
  test('is the same for the same content', () => {
    const { stdout } = build('--print-tag');
    expect(stdout).toMatch(/^[0-9a-f]{12}\n$/);
    expect(build('--print-tag').stdout).toBe(stdout);
  });

  test.each(['operator.mjs', 'bootstrap.mjs', 'builder.mjs'])('changes with %s', (name) => {
    const before = build('--print-tag').stdout;
    writeFileSync(join(dist, name), 'console.log(2);\n');
    expect(build('--print-tag').stdout).not.toBe(before);
  });

  test('does not depend on programs that are not asked for', () => {
    const before = build('--print-tag', 'keygen').stdout;
    writeFileSync(join(dist, 'distgit.mjs'), 'console.log(3);\n');
    expect(build('--print-tag', 'keygen').stdout).toBe(before);
  });
});

test.each([
  [['stone'], "unknown target 'stone'; there are: operator keygen"],
  [['--stone'], "unknown option '--stone'; see --help"],
])('%j is refused with a sentence', (args, message) => {
  const { status, stderr } = build(...args);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
});

test('a program that has not been bundled is named', () => {
  rmSync(join(dist, 'publisher.mjs'));
  const { status, stderr } = build('publisher');
  expect(status).toBe(1);
  expect(stderr).toContain("publisher.mjs is missing; run 'npm run build' first");
});

describe.each(TARGETS)('the stage %s', (target) => {
  const stage = new RegExp(`^FROM \\S+ AS ${target}\\n((?:(?!^FROM ).*\\n?)*)`, 'm').exec(containerfile)?.[1] ?? '';

  test('runs without root, and without a shell if it is a program of ours', () => {
    expect(stage).toContain('\nUSER 1000:1000\n');
    expect(stage).toMatch(
      SCRIPTS.includes(target)
        ? new RegExp(`^ENTRYPOINT \\["/usr/local/bin/kopr-${target}"\\]$`, 'm')
        : /^ENTRYPOINT \["\/usr\/(?:local\/bin\/node|sbin\/nginx)", .*\]$/m,
    );
  });

  test('says what it is', () => {
    expect(stage).toContain(`org.opencontainers.image.title="kopr-${target}"`);
  });
});

test.each(['build.sh', ...SCRIPTS.map((name) => `${name}/start.sh`)])('%s is clean for shellcheck', (path) => {
  const { stdout, status } = spawnSync('shellcheck', [join(import.meta.dirname, path)], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});
