import { z } from 'zod';

/** Rows that one answer may hold when the client names no limit. */
export interface Page<Column extends string = string> {
  /** null: everything. */
  limit: number | null;
  offset: number;
  order: Column;
  orderType: 'ASC' | 'DESC';
}

export interface PageMeta {
  limit: number | null;
  offset: number;
  order: string;
  order_type: string;
}

export interface ListAnswer<Item> {
  items: Item[];
  meta: PageMeta;
}

const MAX = 2_147_483_647;

function whole(name: string): z.ZodType<number> {
  const error = `${name} must be a whole number from 0 to ${MAX}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value),
    z.int({ error }).min(0, { error }).max(MAX, { error }),
  );
}

/**
 * The members `limit`, `offset`, `order` and `order_type` of the query of a list route: spread them into its z.object and
 * hand the parsed query to `pageOf`. `columns` are what may be ordered by; the first is the default.
 */
export function pagingFields<const Column extends string>(columns: readonly [Column, ...Column[]]) {
  return {
    limit: whole('limit').optional().describe('So many items at most; all when absent.'),
    offset: whole('offset').optional().describe('So many items are left out at the beginning.'),
    order: z
      .enum(columns, { error: `order must be one of ${columns.join(', ')}` })
      .optional()
      .describe('Ordered by this column.'),
    order_type: z
      .preprocess(
        (value) => (typeof value === 'string' ? value.toUpperCase() : value),
        z.enum(['ASC', 'DESC'], { error: 'order_type must be ASC or DESC' }),
      )
      .optional()
      .describe('Ascending or descending.'),
  };
}

interface PagingQuery<Column extends string> {
  limit?: number | undefined;
  offset?: number | undefined;
  order?: Column | undefined;
  order_type?: 'ASC' | 'DESC' | undefined;
}

/** With the defaults filled in. */
export function pageOf<Column extends string>(query: PagingQuery<Column>, standard: NoInfer<Column>): Page<Column> {
  return {
    limit: query.limit ?? null,
    offset: query.offset ?? 0,
    order: query.order ?? standard,
    orderType: query.order_type ?? 'ASC',
  };
}

/** The answer of a list route; `items` is the page alone. */
export function listAnswer<Item>(items: Item[], page: Page): ListAnswer<Item> {
  return {
    items,
    meta: { limit: page.limit, offset: page.offset, order: page.order, order_type: page.orderType },
  };
}

/** The page of something that is in memory and in order already. */
export function slice<Item>(all: readonly Item[], page: Pick<Page, 'limit' | 'offset'>): Item[] {
  return all.slice(page.offset, page.limit === null ? undefined : page.offset + page.limit);
}
