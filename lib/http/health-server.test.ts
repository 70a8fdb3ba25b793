import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { startHealthServer } from './health-server.ts';

describe('health server', () => {
  it('tells life, readiness with its reason, and metrics', async () => {
    const registry = new Registry();
    new Counter({ name: 'kopr_test_total', help: 'test', registers: [registry] }).inc(3);
    let reason: string | undefined = 'the cache is empty';
    const server = await startHealthServer({ port: 0, host: '127.0.0.1', registry, ready: () => reason });
    const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([503, 'the cache is empty\n']);
    reason = undefined;
    expect(await get('/readyz?verbose')).toEqual([200, 'ok\n']);
    const [status, metrics] = await get('/metrics');
    expect(status).toBe(200);
    expect(metrics).toContain('kopr_test_total 3');
    expect((await get('/other'))[0]).toBe(404);
    expect((await get('/healthz', 'POST'))[0]).toBe(405);
    await server.close();
    await expect(get('/healthz')).rejects.toThrow();
  });

  it('says so when the port is taken', async () => {
    const options = { host: '127.0.0.1', registry: new Registry(), ready: () => undefined };
    const first = await startHealthServer({ port: 0, ...options });
    await expect(startHealthServer({ port: first.port, ...options })).rejects.toThrow('EADDRINUSE');
    await first.close();
  });
});
