/** Carries out one command of `admin`. */
import type { Clock } from '../../lib/clock.ts';
import type { OwnerNamespaces } from '../cluster/world.ts';
import type { Database, TokenRow, UserRow } from '../db/database.ts';
import { coprConfig, dateOf } from './copr-config.ts';
import { newCredentials } from './credentials.ts';
import type { Command } from './parse.ts';

export interface AdminDeps {
  db: Database;
  owners: Pick<OwnerNamespaces, 'ensure'>;
  clock: Clock;
  /** Random bytes of the system. */
  random: (bytes: number) => Buffer;
  frontendURL: string;
  /** Days for which a token is good when nobody says otherwise. */
  tokenDays: number;
}

/** It cannot be done; `message` is a sentence that says why and what to do. */
export class Refusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refusal';
  }
}

const DAY_MS = 86_400_000;

/** Returns the text to print. Throws Refusal, DatabaseAway, or the error of the cluster. */
export async function runAdmin(command: Command, deps: AdminDeps): Promise<string> {
  const { db, owners } = deps;
  switch (command.name) {
    case 'user add': {
      // First the namespace: a user without one could do nothing, and nobody would know why.
      const namespace = await owners.ensure(command.user, { adopt: command.adopt });
      const added = await db.users.add(command.user, { isAdmin: command.isAdmin });
      if (added) return `user ${command.user} was added; the projects are in namespace ${namespace}\n`;
      if (command.existOk) return `user ${command.user} exists already\n`;
      throw new Refusal(`user ${command.user} exists already; "user set-admin" and "token add" change what he has`);
    }
    case 'user list':
      return lines((await db.users.list()).map(userLine));
    case 'user show':
      return show(command.user, deps);
    case 'user remove':
      if (!(await db.users.remove(command.user))) throw noUser(command.user);
      return `user ${command.user} was removed with all tokens; namespace and projects stay\n`;
    case 'user set-admin':
      if (!(await db.users.setAdmin(command.user, command.isAdmin))) throw noUser(command.user);
      return `user ${command.user} is ${command.isAdmin ? 'now' : 'no longer'} an administrator\n`;
    case 'token add':
      return addToken(command, deps);
    case 'token list':
      return lines(
        (await db.tokens.ofUser((await userOf(command.user, db)).id)).map((row) => tokenLine(row, deps.clock)),
      );
    case 'token revoke':
      if (!(await db.tokens.revoke(command.login))) {
        throw new Refusal(`there is no valid token with the login ${command.login}; "token list USER" shows them`);
      }
      return `the token with the login ${command.login} was revoked\n`;
    case 'group add': {
      const namespace = await owners.ensure(`@${command.group}`, { adopt: command.adopt });
      if (!(await db.groups.add(command.group))) throw new Refusal(`group @${command.group} exists already`);
      return `group @${command.group} was added; the projects are in namespace ${namespace}\n`;
    }
    case 'group list':
      return lines((await db.groups.list()).map(({ name, members }) => `@${name}: ${members.join(' ')}`.trimEnd()));
    case 'group remove':
      if (!(await db.groups.remove(command.group))) throw noGroup(command.group);
      return `group @${command.group} was removed; namespace and projects stay\n`;
    case 'group add-member':
      if (!(await db.groups.addMember(command.group, command.user))) {
        throw (await db.groups.byName(command.group)) === undefined ? noGroup(command.group) : noUser(command.user);
      }
      return `user ${command.user} is a member of group @${command.group}\n`;
    case 'group remove-member':
      if (!(await db.groups.removeMember(command.group, command.user))) {
        throw new Refusal(`user ${command.user} is no member of group @${command.group}`);
      }
      return `user ${command.user} is no longer a member of group @${command.group}\n`;
  }
}

async function addToken(command: Extract<Command, { name: 'token add' }>, deps: AdminDeps): Promise<string> {
  const { db, clock, random, frontendURL, tokenDays } = deps;
  const user = await userOf(command.user, db);
  const { login, token, hash } = newCredentials(random);
  const expiresAt = clock.now() + (command.days ?? tokenDays) * DAY_MS;
  await db.tokens.add({ userID: user.id, login, hash, description: command.description, expiresAt });
  if (command.coprConfig) return coprConfig({ username: user.name, login, token, expiresAt, frontendURL });
  return `login: ${login}\ntoken: ${token}\nexpires: ${dateOf(expiresAt)}\n`;
}

async function show(name: string, { db, clock }: AdminDeps): Promise<string> {
  const user = await userOf(name, db);
  const groups = (await db.groups.ofUser(user.id)).map((group) => `@${group}`);
  const tokens = (await db.tokens.ofUser(user.id)).map((row) => `token ${tokenLine(row, clock)}`);
  return lines([userLine(user), `groups: ${groups.length === 0 ? 'none' : groups.join(' ')}`, ...tokens]);
}

async function userOf(name: string, db: Database): Promise<UserRow> {
  const user = await db.users.byName(name);
  if (user === undefined) throw noUser(name);
  return user;
}

function userLine({ name, isAdmin, createdAt }: UserRow): string {
  return `${name}${isAdmin ? ' (administrator)' : ''}, since ${dateOf(createdAt)}`;
}

function tokenLine({ login, description, createdAt, expiresAt, revokedAt }: TokenRow, clock: Clock): string {
  const state =
    revokedAt !== null
      ? `revoked on ${dateOf(revokedAt)}`
      : `${expiresAt <= clock.now() ? 'expired on' : 'good until'} ${dateOf(expiresAt)}`;
  return `${login}, of ${dateOf(createdAt)}, ${state}${description === '' ? '' : `: ${description}`}`;
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join('');
}

function noUser(name: string): Refusal {
  return new Refusal(`there is no user ${name}; "user add ${name}" makes one`);
}

function noGroup(name: string): Refusal {
  return new Refusal(`there is no group @${name}; "group add ${name}" makes one`);
}
