import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { Setup } from './testing/process.ts';
import { keygenClient, prepare, signdClient, start } from './testing/process.ts';

const rounds = 12;
const identities = Array.from({ length: 6 }, (_, index) => `owner${index}#project@copr.test`);
let directory = '';
let setup: Setup;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-crash-'));
  setup = prepare(directory);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Kill -9 at a random moment while keys are made, start again, and so on: what was once seen of a key never changes. */
it('killed at any moment of key creation, it keeps one whole key per identity', { timeout: 180_000 }, async () => {
  const files = setup.pki.issue('kopr-publisher');
  const keys = join(directory, 'data', 'keys');
  const seen = new Map<string, string>();
  const wanted = new Set<string>();
  let interrupted = 0;

  for (let round = 0; round < rounds; round++) {
    const keygen = await start(setup);
    expect(readdirSync(keys).filter((name) => name.startsWith('.'))).toEqual([]);
    const http = keygenClient(keygen.ports.http, files);
    // New identities each round, so that there is always something under way, besides those of former rounds.
    const batch = identities.map((identity, index) =>
      index % 2 === 0 ? identity : identity.replace('project', `p${round}`),
    );
    const creating = batch.map(async (email) => {
      wanted.add(email);
      await http.generateKey({ name: 'n', email });
      const certificate = await http.publicKey(email);
      expect(seen.get(email) ?? certificate).toBe(certificate);
      seen.set(email, certificate);
    });
    const settled = Promise.allSettled(creating);
    await systemClock.sleep(Math.random() * 900);
    expect(await keygen.end('SIGKILL')).toBe('SIGKILL');
    const results = await settled;
    interrupted += results.filter((result) => result.status === 'rejected').length;
    for (const name of readdirSync(keys).filter((each) => !each.startsWith('.'))) {
      for (const file of ['key.json', 'public.asc']) expect(existsSync(join(keys, name, file))).toBe(true);
    }
  }

  const keygen = await start(setup);
  const http = keygenClient(keygen.ports.http, files);
  const signd = signdClient(keygen.ports.signd, files);
  for (const email of wanted) {
    await http.generateKey({ name: 'n', email });
    const certificate = await signd.pubkey(email);
    expect(seen.get(email) ?? certificate).toBe(certificate);
    expect(await signd.sign(email, 'SHA256', [{ digest: Buffer.alloc(32, 1), time: 1 }])).toHaveLength(1);
  }
  expect(readdirSync(keys)).toHaveLength(wanted.size);
  expect(interrupted).toBeGreaterThan(0);
  // Every key that exists is in the audit log, although the process died between record and key.
  const recorded = readFileSync(join(directory, 'data', 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('create-key'));
  for (const email of wanted) expect(recorded.some((line) => JSON.parse(line).identity === email)).toBe(true);
  await keygen.end('SIGTERM');
});
