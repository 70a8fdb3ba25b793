import { apply, kubectl, RELEASE_NAMESPACE } from './harness.ts';

/** A pod that runs a program in JavaScript, in the image of the operator: it is on every node and has Node. */
async function scriptPod(namespace: string, name: string, script: string, ...args: string[]): Promise<object> {
  const path = 'jsonpath={.spec.template.spec.containers[0].image}';
  const image = await kubectl('-n', RELEASE_NAMESPACE, 'get', 'deployment', 'kopr-operator', '-o', path);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
      containers: [
        { name: 'script', image, command: ['node', '-e', script, ...args], imagePullPolicy: 'IfNotPresent' },
      ],
    },
  };
}

/** A server that takes every connection and never says a word: http://<name>.<namespace>.svc.cluster.local */
export async function silentServer(namespace: string, name: string): Promise<object[]> {
  const script = "require('net').createServer((socket) => socket.on('error', () => {})).listen(8080)";
  return [await scriptPod(namespace, name, script), service(namespace, name)];
}

/**
 * A server whose machine drops every request for a connection. Its program is stopped, so that it accepts nothing, and
 * its queue is filled: Linux then answers no SYN any more. Its log says `deaf` when that is so.
 */
export async function deafServer(namespace: string, name: string): Promise<object[]> {
  const listen = "require('net').createServer().listen({ port: 8080, backlog: 1 }, () => console.log('up'))";
  const stopped = `
    const child = require('child_process').spawn(process.execPath, ['-e', process.argv[1]]);
    child.stdout.once('data', () => {
      child.kill('SIGSTOP');
      let open = 0;
      const taken = () => ++open === 2 && console.log('deaf');
      for (let n = 0; n < 8; n++) require('net').connect(8080, '127.0.0.1', taken).on('error', () => {});
    });
    setInterval(() => {}, 1000);`;
  return [await scriptPod(namespace, name, stopped, listen), service(namespace, name)];
}

function service(namespace: string, name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

export interface InsideRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
}

/** The statuses of the answers to requests with a bearer token, sent one after the other from a pod called `name`. */
export async function statusesFromInside(
  namespace: string,
  name: string,
  requests: readonly InsideRequest[],
  token: string,
): Promise<string[]> {
  const script = `
    const [requests, token] = process.argv.slice(1);
    (async () => {
      for (const { method, url } of JSON.parse(requests)) {
        const body = method === 'POST' || method === 'PUT' ? '{}' : undefined;
        const options = { method, body, headers: { authorization: 'Bearer ' + token }, signal: AbortSignal.timeout(10000) };
        await fetch(url, options).then((r) => console.log(r.status), (e) => console.log(String(e.cause ?? e)));
      }
    })();`;
  await apply(await scriptPod(namespace, name, script, JSON.stringify(requests), token));
  await kubectl('-n', namespace, 'wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '--timeout=60s');
  return (await kubectl('-n', namespace, 'logs', name)).trim().split('\n');
}
