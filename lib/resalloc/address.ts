/** Host and port in one word, as in URLs: `build1.example:22`, `[2001:db8::7]:22`. */
export function formatAddress({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Undefined when it is not such a word. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const { v6, name, port = '' } = match?.groups ?? {};
  const host = v6 ?? name;
  return host === undefined ? undefined : { host, port: Number(port) };
}
