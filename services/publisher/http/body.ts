import type { Request } from 'express';
import type { z } from 'zod';
import { ApiError, badRequest } from '../api-error.ts';

/** The whole body. Throws ApiError 413 when it has more than `maxBytes`. */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The request must outlive an error thrown here: it carries the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes)
      throw new ApiError(413, 'TooLarge', `the body of this request may have ${maxBytes} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Throws ApiError 400 for what is not JSON, ZodError for what does not fit the schema. */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
  maxBytes: number,
): Promise<z.output<T>> {
  const text = (await readBody(request, maxBytes)).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('InvalidRequest', 'the body of the request is not JSON');
  }
  return schema.parse(value);
}

/** An unsigned integer of the query string. */
export function queryInteger(request: Request, name: string, fallback?: number): number {
  const text = request.query[name];
  if (text === undefined && fallback !== undefined) return fallback;
  if (typeof text !== 'string' || !/^[0-9]{1,15}$/.test(text)) {
    throw badRequest('InvalidRequest', `the query parameter ${name} must be a number`);
  }
  return Number(text);
}

/** A part of the path, decoded. */
export function pathPart(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
