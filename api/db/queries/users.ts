import type { UserQueries, UserRow } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';
import { asMs } from '../sql.ts';

const COLUMNS = `id, name, is_admin AS "isAdmin", ${asMs('created_at')} AS "createdAt"`;

const BY_NAME: Statement = { name: 'users.byName', text: `SELECT ${COLUMNS} FROM users WHERE name = $1` };
const LIST: Statement = { name: 'users.list', text: `SELECT ${COLUMNS} FROM users ORDER BY name` };
const ADD: Statement = {
  name: 'users.add',
  text: 'INSERT INTO users (name, is_admin) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id',
};
const SET_ADMIN: Statement = {
  name: 'users.setAdmin',
  text: 'UPDATE users SET is_admin = $2 WHERE name = $1 RETURNING id',
};
const REMOVE: Statement = { name: 'users.remove', text: 'DELETE FROM users WHERE name = $1 RETURNING id' };
const KNOWN: Statement = { name: 'users.known', text: 'SELECT name FROM users WHERE name = ANY($1::text[])' };

export function userQueries(sql: Sql): UserQueries {
  return {
    byName: async (name) => (await sql.rows<UserRow>(BY_NAME, [name]))[0],
    list: () => sql.rows<UserRow>(LIST),
    add: async (name, { isAdmin }) => (await sql.rows(ADD, [name, isAdmin])).length > 0,
    setAdmin: async (name, isAdmin) => (await sql.rows(SET_ADMIN, [name, isAdmin])).length > 0,
    remove: async (name) => (await sql.rows(REMOVE, [name])).length > 0,
    known: async (names) => (await sql.rows<{ name: string }>(KNOWN, [[...names]])).map(({ name }) => name),
  };
}
