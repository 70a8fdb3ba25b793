import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from './web-server.ts';

/** Serves the bare repositories below `root` through git's own CGI program ("smart" HTTP). */
export async function smartGit(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path, query] = (request.url ?? '/').split('?');
  const body = await readBody(request);
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: decodeURIComponent(path ?? '/'),
      QUERY_STRING: query ?? '',
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {}).end(body);
  const parts: Buffer[] = [];
  for await (const part of child.stdout) parts.push(part as Buffer);
  const output = Buffer.concat(parts);
  const split = output.indexOf('\r\n\r\n');
  for (const line of output.subarray(0, split).toString('latin1').split('\r\n')) {
    const [name, value] = line.split(': ');
    if (name === 'Status') response.statusCode = Number.parseInt(value ?? '200', 10);
    else if (name !== undefined && value !== undefined) response.setHeader(name, value);
  }
  response.end(output.subarray(split + 4));
}
