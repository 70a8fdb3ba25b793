import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareEvr, compareVersions } from './version.ts';

const run = promisify(execFile);

/** What the real rpm says to each pair. */
async function askRpm(pairs: readonly (readonly [string, string])[]): Promise<number[]> {
  const answers: number[] = [];
  for (let start = 0; start < pairs.length; start += 100) {
    const calls = pairs.slice(start, start + 100).map(([a, b]) => `print(rpm.vercmp([[${a}]],[[${b}]]) .. ' ')`);
    const { stdout } = await run('rpm', ['--eval', `%{lua:${calls.join('\n')}}`]);
    answers.push(...stdout.trim().split(/\s+/).map(Number));
  }
  return answers;
}

const table: [string, string, -1 | 0 | 1][] = [
  ['1.0', '1.0', 0],
  ['1.0', '2.0', -1],
  ['2.0.1', '2.0', 1],
  ['2.0', '2_0', 0],
  ['1.05', '1.5', 0],
  ['1.10', '1.9', 1],
  ['1.0a', '1.0b', -1],
  ['1.0a', '1.0', 1],
  ['1a', '1.1', -1],
  ['a', '1', -1],
  ['1.0~rc1', '1.0', -1],
  ['1.0~rc1', '1.0~rc2', -1],
  ['1.0~~', '1.0~', -1],
  ['1.0^git1', '1.0', 1],
  ['1.0^git1', '1.0.1', -1],
  ['1.0^git1', '1.0^git2', -1],
  ['1.0^20260101~pre', '1.0^20260101', -1],
  ['1.0~^', '1.0~', 1],
  ['99999999999999999999998', '99999999999999999999999', -1],
  ['00000000000000000000001', '1', 0],
  ['1..', '1', 0],
];

describe('the order of versions', () => {
  it.each(table)('says %s against %s is %i', (a, b, expected) => {
    expect(compareVersions(a, b)).toBe(expected);
    expect(compareVersions(b, a)).toBe(expected === 0 ? 0 : -expected);
  });

  it('is the table that rpm has, too', async () => {
    expect(await askRpm(table.map(([a, b]) => [a, b] as const))).toEqual(table.map(([, , expected]) => expected));
  });

  it('agrees with rpm on random versions', async () => {
    const version = fc
      .array(fc.constantFrom('0', '1', '9', '10', '01', 'a', 'Z', 'rc', '.', '_', '~', '^', '+'), {
        minLength: 1,
        maxLength: 7,
      })
      .map((parts) => parts.join(''));
    const pairs = fc.sample(fc.tuple(version, version), { numRuns: 4000, seed: 7 });
    const answers = await askRpm(pairs);
    const ours = pairs.map(([a, b]) => compareVersions(a, b));
    expect(pairs.map((pair, n) => [...pair, ours[n]])).toEqual(pairs.map((pair, n) => [...pair, answers[n]]));
  });

  it('puts the epoch first, then the version, then the release', () => {
    const base = { epoch: 0, version: '1', release: '1' };
    expect(compareEvr({ ...base, epoch: 1 }, { ...base, version: '9' })).toBe(1);
    expect(compareEvr({ ...base, version: '1.1' }, { ...base, release: '9' })).toBe(1);
    expect(compareEvr({ ...base, release: '2' }, base)).toBe(1);
    expect(compareEvr(base, { ...base })).toBe(0);
  });
});
