import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HELP } from './help.ts';
import { parseAdmin, UsageError } from './parse.ts';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

describe('the command line of admin', () => {
  it.each([
    ['user add alice', { name: 'user add', user: 'alice', isAdmin: false, adopt: false, existOk: false }],
    ['user add alice --admin --adopt', { name: 'user add', user: 'alice', isAdmin: true, adopt: true, existOk: false }],
    [
      'user add --exist-ok al.i_c-e',
      { name: 'user add', user: 'al.i_c-e', isAdmin: false, adopt: false, existOk: true },
    ],
    ['user list', { name: 'user list' }],
    ['user show bob', { name: 'user show', user: 'bob' }],
    ['user remove bob', { name: 'user remove', user: 'bob' }],
    ['user set-admin bob on', { name: 'user set-admin', user: 'bob', isAdmin: true }],
    ['user set-admin bob off', { name: 'user set-admin', user: 'bob', isAdmin: false }],
    ['token add bob', { name: 'token add', user: 'bob', days: undefined, description: '', coprConfig: false }],
    [
      'token add bob --days 7 --description CI --copr-config',
      { name: 'token add', user: 'bob', days: 7, description: 'CI', coprConfig: true },
    ],
    ['token list bob', { name: 'token list', user: 'bob' }],
    ['token revoke abc', { name: 'token revoke', login: 'abc' }],
    ['group add @team --adopt', { name: 'group add', group: 'team', adopt: true }],
    ['group list', { name: 'group list' }],
    ['group remove team', { name: 'group remove', group: 'team' }],
    ['group add-member @team bob', { name: 'group add-member', group: 'team', user: 'bob' }],
    ['group remove-member team bob', { name: 'group remove-member', group: 'team', user: 'bob' }],
  ])('understands "%s"', (line, expected) => {
    expect(parseAdmin(words(line))).toEqual(expected);
  });

  it.each(['', '--help', 'user --help', 'token add bob --help', '-h'])('helps with "%s"', (line) => {
    expect(parseAdmin(words(line))).toEqual({ help: HELP });
  });

  it.each([
    ['user', 'there is no command "user"'],
    ['user grow bob', 'there is no command "user grow"'],
    ['toString x', 'there is no command'],
    ['user add', 'takes one argument: user add USER'],
    ['user add a b', 'takes one argument'],
    ['user list all', 'takes no arguments'],
    ['user add ../etc', 'cannot be the name of a user'],
    ['user add @team', 'cannot be the name of a user'],
    [`user add ${'x'.repeat(101)}`, 'at most 100'],
    ['group add @@team', 'cannot be the name of a group'],
    ['user set-admin bob maybe', 'must be on or off'],
    ['token add bob --days 0', '--days must be a number from 1'],
    ['token add bob --days 1e3', '--days must be a number from 1'],
    ['token add bob --days 99999', '--days must be a number from 1'],
    ['user list --admin', "Unknown option '--admin'"],
    [`token add bob --description ${'x'.repeat(201)}`, '200 characters'],
  ])('refuses "%s"', (line, message) => {
    expect(() => parseAdmin(words(line))).toThrow(UsageError);
    expect(() => parseAdmin(words(line))).toThrow(message);
  });

  it('gives a command, the help or a UsageError, whatever the words', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('user', 'add', 'token', '--days', 'bob', '--admin=x', '--'));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (args) => {
        try {
          parseAdmin(args);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});
