import { python } from './python.ts';

/** What a call of Python's xmlrpc.client gave. */
export type Answer = { value: unknown } | { fault: [code: number, text: string] } | { status: number };

/** A call, as `['takeTicket', ['copr_builder'], null]`. */
export type Call = [method: string, ...parameters: unknown[]];

const PRELUDE = `
import json, sys, threading, time, xmlrpc.client

def plain(value):
    if isinstance(value, xmlrpc.client.Binary):
        return {'binary': value.data.decode()}
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return value

def connect(url):
    return xmlrpc.client.ServerProxy(url, allow_none=True)
`;

const CALLS = `${PRELUDE}
url, calls = json.load(sys.stdin)
server = connect(url)
answers = []
for method, *parameters in calls:
    try:
        answers.append({'value': plain(getattr(server, method)(*parameters))})
    except xmlrpc.client.Fault as fault:
        answers.append({'fault': [fault.faultCode, fault.faultString]})
    except xmlrpc.client.ProtocolError as error:
        answers.append({'status': error.errcode})
print(json.dumps(answers))`;

/** Makes the calls one after the other, on one connection as far as both sides keep it. */
export function calls(url: string, ...list: Call[]): Promise<Answer[]> {
  return python(CALLS, [url, list]);
}

/** The result of one call that must succeed. */
export async function call(url: string, ...one: Call): Promise<unknown> {
  const [answer] = await calls(url, one);
  if (answer !== undefined && 'value' in answer) return answer.value;
  throw new Error(`${one[0]} gave ${JSON.stringify(answer)}`);
}

const PATIENT = `${PRELUDE}
url, number = json.load(sys.stdin)
for attempt in range(600):
    try:
        print(json.dumps([attempt, plain(connect(url).waitTicket(number))]))
        break
    except (xmlrpc.client.Fault, OSError):
        time.sleep(0.1)`;

/** waitTicket as Resalloc's own client does it: after a fault or a broken connection it asks again. Also how often it had to. */
export function patientWait(url: string, number: number): Promise<[failures: number, output: unknown]> {
  return python(PATIENT, [url, number]);
}

const LIVES = `${PRELUDE}
url, clients, rounds = json.load(sys.stdin)
lives, problems = [], []

def live(client):
    server = connect(url)
    try:
        for _ in range(rounds):
            number = server.takeTicket(['copr_builder'], 'sandbox-%d' % client)
            for _ in range(4000):
                state = server.collectTicket(number)
                if state['ready']:
                    break
                time.sleep(0.02)
            server.closeTicket(number)
            lives.append([number, plain(state)])
    except Exception as error:
        problems.append(repr(error))

threads = [threading.Thread(target=live, args=(client,)) for client in range(clients)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([lives, problems]))`;

/** So many clients at once, each of which takes, collects and closes so many tickets. */
export function lives(
  url: string,
  clients: number,
  rounds: number,
): Promise<[lives: [number: number, collected: Record<string, unknown>][], problems: string[]]> {
  return python(LIVES, [url, clients, rounds]);
}
