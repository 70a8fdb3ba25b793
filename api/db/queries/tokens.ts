import type { NewToken, TokenHolder, TokenQueries, TokenRow } from '../database.ts';
import type { Sql, SqlPool, Statement } from '../sql.ts';
import { asMs, fromMs } from '../sql.ts';

const COLUMNS = `id, login, description, ${asMs('created_at')} AS "createdAt", ${asMs('expires_at')} AS "expiresAt",
  ${asMs('revoked_at')} AS "revokedAt"`;

/** One statement, for it is part of every request that is not anonymous. */
export const GET_BY_LOGIN: Statement = {
  name: 'tokens.byLogin',
  text: `
    SELECT t.id, t.token_hash AS hash, ${asMs('t.expires_at')} AS "expiresAt", ${asMs('t.revoked_at')} AS "revokedAt",
      u.id AS "userID", u.name, u.is_admin AS "isAdmin",
      ARRAY(SELECT g.name FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.user_id = u.id ORDER BY g.name)
        AS groups
    FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.login = $1`,
};
const ADD: Statement = {
  name: 'tokens.add',
  text: `INSERT INTO tokens (user_id, login, token_hash, description, expires_at)
    VALUES ($1, $2, $3, $4, ${fromMs('$5')}) RETURNING ${COLUMNS}`,
};
const OF_USER: Statement = {
  name: 'tokens.ofUser',
  text: `SELECT ${COLUMNS} FROM tokens WHERE user_id = $1 ORDER BY id DESC`,
};
const REVOKE: Statement = {
  name: 'tokens.revoke',
  text: 'UPDATE tokens SET revoked_at = now() WHERE login = $1 AND revoked_at IS NULL RETURNING id',
};
const REVOKE_BY_ID: Statement = {
  name: 'tokens.revokeByID',
  text: 'UPDATE tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL',
};

interface HolderColumns {
  id: number;
  hash: Buffer;
  expiresAt: number;
  revokedAt: number | null;
  userID: number;
  name: string;
  isAdmin: boolean;
  groups: string[];
}

export function tokenQueries(pool: SqlPool): TokenQueries {
  return {
    async byLogin(login): Promise<TokenHolder | undefined> {
      const [row] = await pool.rows<HolderColumns>(GET_BY_LOGIN, [login]);
      if (row === undefined) return undefined;
      const { id, hash, expiresAt, revokedAt, userID, name, isAdmin, groups } = row;
      return { tokenID: id, hash, expiresAt, revokedAt, user: { id: userID, name, isAdmin }, groups };
    },
    add: (token) => add(pool, token),
    replace: (tokenID, token) =>
      pool.transaction(async (sql) => {
        await sql.rows(REVOKE_BY_ID, [tokenID]);
        return add(sql, token);
      }),
    ofUser: (userID) => pool.rows<TokenRow>(OF_USER, [userID]),
    revoke: async (login) => (await pool.rows(REVOKE, [login])).length > 0,
  };
}

async function add(sql: Sql, { userID, login, hash, description, expiresAt }: NewToken): Promise<TokenRow> {
  const [row] = await sql.rows<TokenRow>(ADD, [userID, login, hash, description, expiresAt]);
  return row as TokenRow;
}
