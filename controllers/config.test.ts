import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HELP, readConfig } from './config.ts';

const dir = mkdtempSync(join(tmpdir(), 'kopr-config-'));
const keyFile = join(dir, 'key');
writeFileSync(keyFile, 'k'.repeat(32));
afterAll(() => rmSync(dir, { recursive: true }));

const GOOD = {
  KOPR_RELEASE_NAMESPACE: 'kopr-system',
  KOPR_BUILDS_NAMESPACE: 'kopr-builds',
  KOPR_POD_NAME: 'operator-0',
  KOPR_TOKEN_KEY_FILE: keyFile,
  KOPR_PUBLISHER_URL: 'http://kopr-publisher:5012/',
  KOPR_DISTGIT_URL: 'http://kopr-distgit:5001',
  KOPR_DISTGIT_CONTROL_URL: 'http://kopr-distgit:5011',
  KOPR_RESULTS_URL: 'https://results.example/results//',
  KOPR_RESULTS_INTERNAL_URL: 'http://kopr-results:5002/results',
  KOPR_BUILDER_IMAGE: 'localhost/kopr-builder:1',
};

describe('readConfig', () => {
  it('takes what the chart sets, with defaults for the rest', () => {
    expect(readConfig(GOOD)).toMatchObject({
      logLevel: 'info',
      metricsPort: 9090,
      publisherURL: 'http://kopr-publisher:5012',
      resultsURL: 'https://results.example/results',
      builderImagePullPolicy: 'IfNotPresent',
      hostAliases: [],
      placeholderPriorityClass: 'kopr-placeholder',
      vendor: 'kopr',
      apiServer: {},
    });
    expect(readConfig(GOOD).tokenKey.length).toBe(32);
  });

  it('finds the API server of the cluster it runs in', () => {
    const env = { ...GOOD, KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    expect(readConfig(env).apiServer).toEqual({ serviceHost: '10.0.0.1', servicePort: '443' });
  });

  it('reads host aliases from JSON', () => {
    const env = { ...GOOD, KOPR_BUILDER_HOST_ALIASES: '[{"ip": "10.0.0.1", "hostnames": ["mirror"]}]' };
    expect(readConfig(env).hostAliases).toEqual([{ ip: '10.0.0.1', hostnames: ['mirror'] }]);
  });

  it.each<{ title: string; env: Record<string, string | undefined>; says: string }>([
    { title: 'a missing variable', env: { KOPR_POD_NAME: undefined }, says: 'KOPR_POD_NAME: ' },
    { title: 'a URL of another kind', env: { KOPR_PUBLISHER_URL: 'file:///etc' }, says: 'KOPR_PUBLISHER_URL: ' },
    { title: 'a port out of range', env: { KOPR_METRICS_PORT: '70000' }, says: 'KOPR_METRICS_PORT: ' },
    { title: 'an unknown log level', env: { KOPR_LOG_LEVEL: 'loud' }, says: 'KOPR_LOG_LEVEL: ' },
    {
      title: 'host aliases that are not JSON',
      env: { KOPR_BUILDER_HOST_ALIASES: 'mirror' },
      says: 'KOPR_BUILDER_HOST_ALIASES: expected JSON such as',
    },
  ])('names $title', ({ env, says }) => {
    expect(() => readConfig({ ...GOOD, ...env })).toThrow(says);
  });

  it('names everything that is wrong at once', () => {
    expect(() => readConfig({})).toThrow(/KOPR_RELEASE_NAMESPACE(.|\n)*KOPR_BUILDER_IMAGE/);
  });

  it('is described by --help, variable by variable', () => {
    for (const name of Object.keys(GOOD)) expect(HELP).toContain(name);
  });
});
