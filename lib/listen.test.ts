import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listen } from './listen.ts';

it('gives the port it took, and rejects when that is taken', async () => {
  const first = createServer();
  const second = createServer();
  try {
    const port = await listen(first, { port: 0, host: '127.0.0.1' });
    expect(port).toBeGreaterThan(0);
    await expect(listen(second, { port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  } finally {
    first.close();
    second.close();
  }
});

it('leaves later errors of the server to whoever has it', async () => {
  const server = createServer();
  try {
    await listen(server, { port: 0, host: '127.0.0.1' });
    expect(server.listenerCount('error')).toBe(0);
  } finally {
    server.close();
  }
});
