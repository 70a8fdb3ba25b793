import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TerminalError } from './errors.ts';
import { metricsNeedToken, metricsTokenFile, port, processSettings, readSettings, settingsHelp } from './settings.ts';

const schema = z
  .object({
    KOPR_FILE: z.string().startsWith('/').describe('file with the key'),
    KOPR_PORT: port.describe('port of the API'),
    KOPR_NAME: z
      .string()
      .regex(/^[a-z]+$/, 'must be letters')
      .max(3, 'must be short')
      .default('a'),
    KOPR_LIST: z
      .string()
      .default('')
      .transform((text) => text.split(',').filter((item) => item !== '')),
    ...processSettings,
  })
  .superRefine(metricsNeedToken);

const least = { KOPR_FILE: '/key', KOPR_PORT: '80' };

function refusal(environment: Record<string, string>): string {
  try {
    readSettings(schema, environment);
  } catch (error) {
    if (error instanceof TerminalError && error.code === 'BadConfiguration') return error.message;
    throw error;
  }
  throw new Error('the environment was not refused');
}

describe('the settings of a process', () => {
  it('are read from the environment, with defaults for the rest', () => {
    expect(readSettings(schema, { ...least, KOPR_LIST: 'a,b', HOME: '/' })).toEqual({
      KOPR_FILE: '/key',
      KOPR_PORT: 80,
      KOPR_NAME: 'a',
      KOPR_LIST: ['a', 'b'],
      KOPR_LOG_LEVEL: 'info',
      KOPR_METRICS_PORT: 9090,
      KOPR_METRICS: 'off',
    });
  });

  it('are refused with one line for each wrong variable, which says what it is for', () => {
    const lines = refusal({ KOPR_PORT: '70000', KOPR_NAME: 'A-LONG-ONE', KOPR_LOG_LEVEL: 'loud' }).split('\n');
    expect(lines).toEqual([
      'the environment is not right:',
      '  KOPR_FILE: must be set (file with the key)',
      expect.stringMatching(/^ {2}KOPR_PORT: .*65535.* \(port of the API\)$/),
      '  KOPR_NAME: must be letters',
      expect.stringMatching(/^ {2}KOPR_LOG_LEVEL: .*"trace".* \(least severe level that is logged\)$/),
    ]);
  });

  it('are described by --help, every one with its default', () => {
    const lines = settingsHelp('test: does nothing.', schema).split('\n');
    expect(lines[0]).toBe('test: does nothing.');
    expect(lines).toContain('  KOPR_FILE               file with the key (required)');
    expect(lines).toContain('  KOPR_LIST');
    expect(lines).toContain('  KOPR_LOG_LEVEL          least severe level that is logged [info]');
    for (const name of Object.keys(schema.shape)) expect(lines.join('\n')).toContain(`  ${name}`);
  });
});

describe('metrics', () => {
  it.each<[Record<string, string>, string | undefined]>([
    [{}, undefined],
    [{ KOPR_METRICS: 'off', KOPR_METRICS_TOKEN_FILE: '/token' }, undefined],
    [{ KOPR_METRICS_TOKEN_FILE: '/token' }, undefined],
    [{ KOPR_METRICS: 'on', KOPR_METRICS_TOKEN_FILE: '/token' }, '/token'],
  ])('with %o ask for the token in the file %s', (environment, file) => {
    expect(metricsTokenFile(readSettings(schema, { ...least, ...environment }))).toBe(file);
  });

  it('are never on without a token', () => {
    expect(refusal({ ...least, KOPR_METRICS: 'on' })).toContain('KOPR_METRICS_TOKEN_FILE: must be set, since');
    expect(refusal({ ...least, KOPR_METRICS: 'true' })).toContain('  KOPR_METRICS: ');
  });
});
