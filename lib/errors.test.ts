import { describe, expect, it } from 'vitest';
import { DeadlineError, errorCode, errorMessage, hasCode } from './errors.ts';

const system = (code: unknown): Error => Object.assign(new Error('failed'), { code });

describe('the code of an error', () => {
  it.each<[string, unknown, string | undefined]>([
    ['a system error', system('ENOENT'), 'ENOENT'],
    ['an error with a number', system(7), undefined],
    ['an error without one', new Error('x'), undefined],
    ['what is no error', { code: 'ENOENT' }, undefined],
    ['nothing', undefined, undefined],
  ])('of %s is found', (_what, error, code) => {
    expect(errorCode(error)).toBe(code);
    expect(hasCode(error, 'EEXIST', 'ENOENT')).toBe(code !== undefined);
    expect(hasCode(error, 'EEXIST')).toBe(false);
  });
});

describe('the message of an error', () => {
  it.each<[unknown, string]>([
    [new Error('words'), 'words'],
    ['text', 'text'],
    [new DeadlineError('the upload', 61_000), 'the upload did not finish within 61 s'],
  ])('of %s is %j', (error, message) => {
    expect(errorMessage(error)).toBe(message);
  });
});
