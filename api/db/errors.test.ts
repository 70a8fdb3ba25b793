import { describe, expect, it } from 'vitest';
import { DatabaseAway, isTransient, translate } from './errors.ts';

function withCode(code: string): Error {
  return Object.assign(new Error('it went wrong'), { code });
}

describe('an error of the database', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    '57P01',
    '57P03',
    '57014',
    '53300',
    '08006',
    '28P01',
    '3D000',
    '25006',
    '40P01',
    '42P01',
  ])('with the code %s passes', (code) => {
    expect(translate(withCode(code))).toBeInstanceOf(DatabaseAway);
  });

  it.each(['23505', '22P02', '42601', '23514'])('with the code %s is a fault of ours', (code) => {
    const error = withCode(code);
    expect(translate(error)).toBe(error);
  });

  it.each(['Connection terminated unexpectedly', 'timeout exceeded when trying to connect', 'Query read timeout'])(
    'without a code is known by "%s"',
    (message) => {
      expect(translate(new Error(message))).toBeInstanceOf(DatabaseAway);
    },
  );

  it('is translated once, and keeps its cause', () => {
    const cause = withCode('40001');
    const away = translate(cause);
    expect(translate(away)).toBe(away);
    expect((away as DatabaseAway).cause).toBe(cause);
    expect(isTransient(cause)).toBe(true);
    expect(isTransient(away)).toBe(false);
  });

  it('that is none of these stays what it is', () => {
    const error = new TypeError('undefined is not a function');
    expect(translate(error)).toBe(error);
  });
});
