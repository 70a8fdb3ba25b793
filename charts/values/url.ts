import { z } from 'zod';

/** An http(s) URL, or nothing. */
export const url = (description: string): z.ZodType =>
  z
    .string()
    .regex(/^(https?:\/\/[^\s/]+(\/\S*)?)?$/)
    .default('')
    .describe(description);
