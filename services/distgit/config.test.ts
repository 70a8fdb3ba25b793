import { describe, expect, it } from 'vitest';
import { configSchema, HELP, loadConfig } from './config.ts';

const required = { KOPR_TOKEN_KEY_FILE: '/etc/key', KOPR_SRPM_ORIGINS: 'http://results:5002/results' };

describe('the configuration', () => {
  it('needs little', () => {
    expect(loadConfig(required)).toMatchObject({
      dataDir: '/data',
      httpPort: 5001,
      controlPort: 5011,
      importDeadlineMs: 1_200_000,
      publicReads: false,
      gitPerClient: 4,
      requestsPerClient: 32,
    });
  });

  it('makes of an origin a prefix that no longer name shares', () => {
    const origins = ' http://a/results, https://B.example:443/x/../y/ ,';
    expect(loadConfig({ ...required, KOPR_SRPM_ORIGINS: origins }).srpmOrigins).toEqual([
      'http://a/results/',
      'https://b.example/y/',
    ]);
  });

  it.each([
    [{ KOPR_SRPM_ORIGINS: '' }, /KOPR_SRPM_ORIGINS: it lists no URL prefix/],
    [{ KOPR_SRPM_ORIGINS: 'file:///' }, /KOPR_SRPM_ORIGINS: "file:\/\/\/" is not an http/],
    [{ KOPR_TOKEN_KEY_FILE: undefined }, /KOPR_TOKEN_KEY_FILE/],
    [{ KOPR_HTTP_PORT: '70000' }, /KOPR_HTTP_PORT/],
    [{ KOPR_TRUSTED_PROXIES: '10.0.0.7,proxy' }, /KOPR_TRUSTED_PROXIES: "proxy" is not an address or a network/],
    [{ KOPR_TRUSTED_PROXIES: '0.0.0.0/0' }, /KOPR_TRUSTED_PROXIES: "0\.0\.0\.0\/0" is everybody/],
    [{ KOPR_PUBLIC_READS: 'yes' }, /KOPR_PUBLIC_READS/],
    [{ KOPR_MAX_SRPM_BYTES: 'many' }, /KOPR_MAX_SRPM_BYTES/],
  ])('is refused with %o', (change, message) => {
    expect(() => loadConfig({ ...required, ...change })).toThrow(message);
  });

  it('is described by --help, every variable', () => {
    for (const name of Object.keys(configSchema.shape)) expect(HELP).toContain(`  ${name} `);
  });
});
