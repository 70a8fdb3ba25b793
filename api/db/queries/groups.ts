import type { GroupQueries, GroupRow } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';

const SELECT = `
  SELECT g.id, g.name,
    ARRAY(SELECT u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.group_id = g.id ORDER BY u.name)
      AS members
  FROM groups g`;

const BY_NAME: Statement = { name: 'groups.byName', text: `${SELECT} WHERE g.name = $1` };
const LIST: Statement = { name: 'groups.list', text: `${SELECT} ORDER BY g.name` };
const OF_USER: Statement = {
  name: 'groups.ofUser',
  text: 'SELECT g.name FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name',
};
const ADD: Statement = {
  name: 'groups.add',
  text: 'INSERT INTO groups (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING id',
};
const REMOVE: Statement = { name: 'groups.remove', text: 'DELETE FROM groups WHERE name = $1 RETURNING id' };
// The no-op update makes a row that was there be returned like a new one.
const ADD_MEMBER: Statement = {
  name: 'groups.addMember',
  text: `INSERT INTO memberships (group_id, user_id)
    SELECT g.id, u.id FROM groups g, users u WHERE g.name = $1 AND u.name = $2
    ON CONFLICT (user_id, group_id) DO UPDATE SET group_id = excluded.group_id RETURNING group_id`,
};
const REMOVE_MEMBER: Statement = {
  name: 'groups.removeMember',
  text: `DELETE FROM memberships m USING groups g, users u
    WHERE m.group_id = g.id AND m.user_id = u.id AND g.name = $1 AND u.name = $2 RETURNING m.group_id`,
};

export function groupQueries(sql: Sql): GroupQueries {
  return {
    byName: async (name) => (await sql.rows<GroupRow>(BY_NAME, [name]))[0],
    list: () => sql.rows<GroupRow>(LIST),
    ofUser: async (userID) => (await sql.rows<{ name: string }>(OF_USER, [userID])).map(({ name }) => name),
    add: async (name) => (await sql.rows(ADD, [name])).length > 0,
    remove: async (name) => (await sql.rows(REMOVE, [name])).length > 0,
    addMember: async (group, user) => (await sql.rows(ADD_MEMBER, [group, user])).length > 0,
    removeMember: async (group, user) => (await sql.rows(REMOVE_MEMBER, [group, user])).length > 0,
  };
}
