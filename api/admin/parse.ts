/** The command line of `admin`: words → one command. Pure. */
import { parseArgs } from 'node:util';
import { HELP } from './help.ts';

export type Command =
  | { name: 'user add'; user: string; isAdmin: boolean; adopt: boolean; existOk: boolean }
  | { name: 'user list' }
  | { name: 'user show'; user: string }
  | { name: 'user remove'; user: string }
  | { name: 'user set-admin'; user: string; isAdmin: boolean }
  | { name: 'token add'; user: string; days: number | undefined; description: string; coprConfig: boolean }
  | { name: 'token list'; user: string }
  | { name: 'token revoke'; login: string }
  | { name: 'group add'; group: string; adopt: boolean }
  | { name: 'group list' }
  | { name: 'group remove'; group: string }
  | { name: 'group add-member'; group: string; user: string }
  | { name: 'group remove-member'; group: string; user: string };

/** The words are not a command; `message` says which word, and what to do. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

interface Words {
  positionals: string[];
  flags: Record<string, string | boolean | undefined>;
}

interface Shape {
  /** Names of its arguments, for messages. */
  takes: readonly ('USER' | 'GROUP' | 'LOGIN' | 'on|off')[];
  flags: Record<string, { type: 'boolean' | 'string' }>;
  make(args: string[], flags: Words['flags']): Command;
}

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;
const LONGEST_DAYS = 3_650;

const SHAPES: Record<Command['name'], Shape> = {
  'user add': {
    takes: ['USER'],
    flags: { admin: FLAG, adopt: FLAG, 'exist-ok': FLAG },
    make: ([user = ''], flags) => ({
      name: 'user add',
      user,
      isAdmin: flags.admin === true,
      adopt: flags.adopt === true,
      existOk: flags['exist-ok'] === true,
    }),
  },
  'user list': { takes: [], flags: {}, make: () => ({ name: 'user list' }) },
  'user show': { takes: ['USER'], flags: {}, make: ([user = '']) => ({ name: 'user show', user }) },
  'user remove': { takes: ['USER'], flags: {}, make: ([user = '']) => ({ name: 'user remove', user }) },
  'user set-admin': {
    takes: ['USER', 'on|off'],
    flags: {},
    make: ([user = '', isAdmin]) => ({ name: 'user set-admin', user, isAdmin: isAdmin === 'on' }),
  },
  'token add': {
    takes: ['USER'],
    flags: { days: TEXT, description: TEXT, 'copr-config': FLAG },
    make: ([user = ''], flags) => ({
      name: 'token add',
      user,
      days: daysOf(flags.days),
      description: descriptionOf(flags.description),
      coprConfig: flags['copr-config'] === true,
    }),
  },
  'token list': { takes: ['USER'], flags: {}, make: ([user = '']) => ({ name: 'token list', user }) },
  'token revoke': { takes: ['LOGIN'], flags: {}, make: ([login = '']) => ({ name: 'token revoke', login }) },
  'group add': {
    takes: ['GROUP'],
    flags: { adopt: FLAG },
    make: ([group = ''], flags) => ({ name: 'group add', group, adopt: flags.adopt === true }),
  },
  'group list': { takes: [], flags: {}, make: () => ({ name: 'group list' }) },
  'group remove': { takes: ['GROUP'], flags: {}, make: ([group = '']) => ({ name: 'group remove', group }) },
  'group add-member': {
    takes: ['GROUP', 'USER'],
    flags: {},
    make: ([group = '', user = '']) => ({ name: 'group add-member', group, user }),
  },
  'group remove-member': {
    takes: ['GROUP', 'USER'],
    flags: {},
    make: ([group = '', user = '']) => ({ name: 'group remove-member', group, user }),
  },
};

/** A command, or the text that was asked for with --help. Throws UsageError. */
export function parseAdmin(args: readonly string[]): Command | { help: string } {
  if (args.length === 0 || args.some((word) => word === '--help' || word === '-h')) return { help: HELP };
  const [noun = '', verb = '', ...rest] = args;
  const name = `${noun} ${verb}`;
  if (!isCommand(name)) throw new UsageError(`there is no command "${name.trim()}"; --help lists them`);
  const shape = SHAPES[name];
  const { positionals, flags } = words(rest, shape, name);
  if (positionals.length !== shape.takes.length) {
    const usage = [name, ...shape.takes].join(' ');
    throw new UsageError(`"${name}" takes ${count(shape.takes.length)}: ${usage}`);
  }
  return shape.make(
    positionals.map((word, index) => checked(word, shape.takes[index] ?? 'USER')),
    flags,
  );
}

function words(args: string[], shape: Shape, name: string): Words {
  try {
    const { positionals, values } = parseArgs({ args, options: shape.flags, allowPositionals: true, strict: true });
    return { positionals, flags: values as Words['flags'] };
  } catch (error) {
    const [sentence = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageError(`"${name}": ${sentence}; --help lists the options`);
  }
}

function isCommand(name: string): name is Command['name'] {
  return Object.hasOwn(SHAPES, name);
}

function count(arguments_: number): string {
  if (arguments_ === 0) return 'no arguments';
  return arguments_ === 1 ? 'one argument' : `${arguments_} arguments`;
}

/** Names become parts of URLs, paths and names of objects. Groups are given with or without "@". */
function checked(word: string, kind: Shape['takes'][number]): string {
  if (kind === 'on|off') {
    if (word === 'on' || word === 'off') return word;
    throw new UsageError(`"${word}" must be on or off`);
  }
  const name = kind === 'GROUP' ? word.replace(/^@/, '') : word;
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name)) return name;
  const what = { USER: 'a user', GROUP: 'a group', LOGIN: 'the login of a token' }[kind];
  throw new UsageError(
    `"${word}" cannot be the name of ${what}: at most 100 letters, digits, ".", "_" and "-", with a letter or digit first`,
  );
}

function daysOf(text: string | boolean | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = Number(text);
  if (typeof text === 'string' && /^[0-9]+$/.test(text) && days >= 1 && days <= LONGEST_DAYS) return days;
  throw new UsageError(`--days must be a number from 1 to ${LONGEST_DAYS}, not "${text}"`);
}

function descriptionOf(text: string | boolean | undefined): string {
  const description = typeof text === 'string' ? text : '';
  if (description.length > 200) throw new UsageError('--description may have 200 characters');
  return description;
}
