import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HELP, readAccountConfig, readConfig } from './config.ts';

const dir = mkdtempSync(join(tmpdir(), 'kopr-api-config-'));
const keyFile = join(dir, 'key');
const urlFile = join(dir, 'url');
writeFileSync(keyFile, 'k'.repeat(32));
writeFileSync(urlFile, 'postgres://kopr:secret@kopr-postgres:5432/kopr\n');
afterAll(() => rmSync(dir, { recursive: true }));

const GOOD = {
  KOPR_RELEASE_NAMESPACE: 'kopr-system',
  KOPR_BUILDS_NAMESPACE: 'kopr-builds',
  KOPR_FRONTEND_URL: 'https://copr.example/',
  KOPR_RESULTS_URL: 'https://results.example/results//',
  KOPR_RESULTS_INTERNAL_URL: 'http://kopr-results:5002/results',
  KOPR_PUBLISHER_URL: 'http://kopr-publisher:5012/',
  KOPR_UPLOAD_KEY_FILE: keyFile,
  KOPR_DATABASE_URL_FILE: urlFile,
};

test('what the chart sets is taken, with defaults for the rest', () => {
  const config = readConfig(GOOD);
  expect(config).toMatchObject({
    logLevel: 'info',
    httpPort: 5000,
    metricsPort: 9090,
    databaseURL: 'postgres://kopr:secret@kopr-postgres:5432/kopr',
    tokenDays: 180,
    site: {
      frontendURL: 'https://copr.example',
      resultsURL: 'https://results.example/results',
      maxUploadBytes: 2 ** 32,
    },
  });
  expect(config.uploadKey).toHaveLength(32);
  expect(JSON.stringify(config.site)).not.toMatch(/secret/);
});

test('the command line of accounts needs neither publisher nor key', () => {
  const { KOPR_PUBLISHER_URL: _url, KOPR_UPLOAD_KEY_FILE: _key, KOPR_RESULTS_URL: _results, ...rest } = GOOD;
  expect(readAccountConfig(rest)).toMatchObject({ frontendURL: 'https://copr.example', ownerTemplateFile: undefined });
  expect(() => readConfig(rest)).toThrow(/KOPR_PUBLISHER_URL: must be set/);
});

test.each([
  ['KOPR_FRONTEND_URL', 'copr.example'],
  ['KOPR_FRONTEND_URL', 'ftp://copr.example'],
  ['KOPR_MAX_UPLOAD_BYTES', '0'],
  ['KOPR_MAX_UPLOAD_BYTES', 'much'],
  ['KOPR_TOKEN_DAYS', '1.5'],
  ['KOPR_HTTP_PORT', '70000'],
])('%s may not be "%s", and the message says which variable it is', (name, value) => {
  expect(() => readConfig({ ...GOOD, [name]: value })).toThrow(
    new RegExp(`^the environment is not right:\\n  ${name}: `),
  );
});

test('a database is needed, and its password stays out of the message', () => {
  const { KOPR_DATABASE_URL_FILE: _file, ...rest } = GOOD;
  expect(() => readConfig(rest)).toThrow(/set KOPR_DATABASE_URL or KOPR_DATABASE_URL_FILE/);
  try {
    readConfig({ ...rest, KOPR_DATABASE_URL: 'mysql://kopr:secret@host/x' });
    expect.unreachable();
  } catch (error) {
    expect((error as Error).message).not.toMatch(/secret/);
  }
});

test('help names every variable', () => {
  for (const name of Object.keys(GOOD)) expect(HELP).toContain(name);
});
