import { describe, expect, it } from 'vitest';
import { configSchema, helpText, readConfig } from './config.ts';

describe('settings', () => {
  const least = { KOPR_MASTER_KEY_FILE: '/m', KOPR_TLS_CERT: '/c', KOPR_TLS_KEY: '/k', KOPR_TLS_CA: '/a' };

  it('have the documented defaults', () => {
    expect(readConfig(least)).toMatchObject({
      KOPR_DATA_DIR: '/data',
      KOPR_SIGND_PORT: 5167,
      KOPR_HTTP_PORT: 5003,
      KOPR_METRICS_PORT: 9090,
      KOPR_ALLOWED_SUBJECTS: ['kopr-publisher'],
      KOPR_PLAIN_PORT: 0,
      KOPR_PLAIN_PEERS: [],
      KOPR_KEY_BITS: 4096,
    });
  });

  it.each([
    [{}, 'KOPR_MASTER_KEY_FILE'],
    [{ ...least, KOPR_SIGND_PORT: 'x' }, 'KOPR_SIGND_PORT'],
    [{ ...least, KOPR_ALLOWED_SUBJECTS: ' , ' }, 'KOPR_ALLOWED_SUBJECTS'],
    [{ ...least, KOPR_KEY_BITS: '1024' }, 'KOPR_KEY_BITS'],
  ])('%j are refused with the name of the variable %s', (environment, name) => {
    expect(() => readConfig(environment)).toThrow(name);
  });

  it('are all in the help', () => {
    for (const name of Object.keys(configSchema.shape)) expect(helpText()).toContain(name);
  });
});
