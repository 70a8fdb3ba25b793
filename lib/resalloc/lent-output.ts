import { parseAddress } from './address.ts';

interface Machine {
  data?: string | undefined;
  address?: string | undefined;
}

/**
 * What a client of Resalloc is told of the machine that it is lent, in base64: what the hook "new" printed, or for a
 * machine that no hook has made, the same kind of document with its address.
 */
export function lentOutput({ data, address }: Machine): string | undefined {
  if (data !== undefined) return data;
  const known = address === undefined ? undefined : parseAddress(address);
  if (known === undefined) return undefined;
  return Buffer.from(`---\nhost: ${JSON.stringify(known.host)}\nssh_port: ${known.port}\n`).toString('base64');
}
