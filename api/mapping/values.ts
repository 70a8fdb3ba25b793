/** The conversions that rows are made of. */
import type { z } from 'zod';
import { bool, lines, oneOf, text, words } from '../http/fields.ts';
import type { FieldRow, MappedRow } from './field.ts';

type Names = Pick<FieldRow, 'add' | 'edit' | 'answer' | 'sentence'> & { place: string };

/** Boolean, `standard` when the resource says nothing. */
export function flagRow(names: Names, standard: boolean): MappedRow {
  return {
    ...names,
    type: 'bool',
    schema: bool(),
    fromAPI: (value) => value,
    toAPI: (value) => value ?? standard,
  };
}

export function choiceRow(names: Names, choices: readonly [string, ...string[]], standard: string): MappedRow {
  return {
    ...names,
    type: choices.join(', '),
    schema: oneOf(choices),
    fromAPI: (value) => value,
    toAPI: (value) => value ?? standard,
  };
}

/** Text of several lines; none is "". */
export function proseRow(names: Names): MappedRow {
  return {
    ...names,
    type: 'str',
    schema: lines(),
    fromAPI: (value) => (value === '' ? null : value),
    toAPI: (value) => value ?? '',
  };
}

/** One line that fits `pattern`; none is null. */
export function lineRow(names: Names, max: number, pattern: RegExp, message: string): MappedRow {
  return {
    ...names,
    type: 'str?',
    schema: text(max).refine((value) => value === '' || pattern.test(value), { error: message }),
    fromAPI: (value) => (value === '' ? null : value),
    toAPI: (value) => value ?? null,
  };
}

export interface ListRule {
  maxItems: number;
  pattern: RegExp;
  message: string;
  /** Beside blanks. */
  also?: string;
}

/** A list without repetitions, in forms as a list or as text; none is `[]`. */
export function listRow(names: Names, rule: ListRule): MappedRow {
  return {
    ...names,
    type: '[str]',
    schema: itemsSchema(rule),
    fromAPI: (value) => {
      const items = [...new Set(value as string[])];
      return items.length === 0 ? null : items;
    },
    toAPI: (value) => value ?? [],
  };
}

export function itemsSchema({ maxItems, pattern, message, also }: ListRule): z.ZodType<string[]> {
  const options = also === undefined ? { maxItems } : { maxItems, also };
  return words(options).superRefine((items, context) => {
    for (const item of items) {
      if (!pattern.test(item)) context.addIssue({ code: 'custom', message: `'${item.slice(0, 100)}' ${message}` });
    }
  });
}

/** A row that only answers have. */
export function answerRow(answer: string, place: string, type: string, sentence: string): FieldRow {
  return { answer, place, type, sentence };
}

const DAY_MS = 86_400_000;

/** `delete_after_days`: the midnight after N+1 days. */
export function expiryOf(days: number, now: number): number {
  return now - (now % DAY_MS) + (days + 1) * DAY_MS;
}

export function daysUntil(expiry: number, now: number): number {
  return Math.round((expiry - (now - (now % DAY_MS))) / DAY_MS) - 1;
}
