import type { CounterQueries, Increment } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';

const INCREMENT: Statement = {
  name: 'counters.increment',
  text: `
    INSERT INTO counters AS c (name, key, value) SELECT * FROM unnest($1::text[], $2::text[], $3::int8[])
    ON CONFLICT (name, key) DO UPDATE SET value = c.value + excluded.value`,
};
const GET: Statement = {
  name: 'counters.get',
  text: 'SELECT key, value FROM counters WHERE name = $1 AND key = ANY($2::text[])',
};

export function counterQueries(sql: Sql): CounterQueries {
  return {
    async increment(increments) {
      const sums = sum(increments);
      if (sums.length === 0) return;
      await sql.rows(INCREMENT, [sums.map(({ name }) => name), sums.map(({ key }) => key), sums.map(({ by }) => by)]);
    },
    async get(name, keys) {
      const rows = await sql.rows<{ key: string; value: number }>(GET, [name, [...keys]]);
      return new Map(rows.map(({ key, value }) => [key, value]));
    },
  };
}

/** One increment a counter, in one order for all processes: else two of them could wait for each other. */
export function sum(increments: readonly Increment[]): Increment[] {
  const sums = new Map<string, Increment>();
  for (const { name, key, by } of increments) {
    const id = `${name}\0${key}`;
    sums.set(id, { name, key, by: by + (sums.get(id)?.by ?? 0) });
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, increment]) => increment);
}
