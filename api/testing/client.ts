/** Requests as clients of Copr make them. */
export interface Answer {
  status: number;
  headers: Headers;
  /** Of a JSON object. */
  body: Record<string, unknown>;
  text: string;
}

export interface Part {
  name: string;
  filename?: string;
  type?: string;
  content: string | Uint8Array<ArrayBuffer>;
}

export interface BedClient {
  /** Of the user. */
  name: string;
  login: string | undefined;
  token: string | undefined;
  /** `path` below /api_3, or any that begins with "/coprs". */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  put(path: string, body?: unknown): Promise<Answer>;
  delete(path: string, body?: unknown): Promise<Answer>;
  /** As the client sends files: the file first, then the fields as a part named `json`. */
  multipart(method: string, path: string, fields: unknown, file?: Part): Promise<Answer>;
  /** The body; throws unless the status is 200. */
  ok(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
}

export function bedClient(url: string, user: { name: string; login?: string; token?: string }): BedClient {
  const { name, login, token } = user;
  const authorization =
    login === undefined ? {} : { authorization: `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}` };

  async function send(
    method: string,
    path: string,
    init: { headers?: Record<string, string>; body?: string | FormData },
  ) {
    const address = path.startsWith('/coprs') ? `${url}${path}` : `${url}/api_3${path}`;
    const response = await fetch(address, {
      method,
      headers: { ...authorization, ...init.headers },
      signal: AbortSignal.timeout(60_000),
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text), text };
  }

  function call(method: string, path: string, body?: unknown): Promise<Answer> {
    if (body === undefined) return send(method, path, {});
    return send(method, path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  }

  return {
    name,
    login,
    token,
    call,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    delete: (path, body) => call('DELETE', path, body),
    multipart(method, path, fields, file) {
      const form = new FormData();
      if (file !== undefined) {
        const type = file.type ?? 'application/octet-stream';
        form.append(file.name, new Blob([file.content], { type }), file.filename ?? file.name);
      }
      form.append('json', new Blob([JSON.stringify(fields)], { type: 'application/json' }), 'json');
      return send(method, path, { body: form });
    },
    async ok(method, path, body) {
      const answer = await call(method, path, body);
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
