import { createHash } from 'node:crypto';
import { Reply } from '../http/reply.ts';
import { Html, html } from './html.ts';

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:#0b57d0;--get:#137333;--post:#8a5300;--put:#0b57d0;--delete:#b3261e}
@media (prefers-color-scheme:dark){:root{--link:#8ab4f8;--get:#81c995;--post:#fdd663;--put:#8ab4f8;--delete:#f28b82}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 5rem}
header{border-bottom:1px solid var(--line);padding:.8rem 1rem}
header a{font-weight:700;text-decoration:none;margin-right:1.2rem}
a{color:var(--link)}
h1{font-size:1.7rem;margin:1rem 0 .5rem}
h2{font-size:1.25rem;margin:2.4rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:.95rem;margin:1rem 0 .3rem}
code,pre{font:13.5px/1.5 ui-monospace,monospace}
pre{background:var(--soft);padding:.8rem 1rem;border-radius:.5rem;overflow-x:auto}
nav ul{columns:3 12rem;padding:0;list-style:none}
details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0}
summary{padding:.55rem .9rem;cursor:pointer}
summary small{opacity:.75;display:block}
details>div{padding:0 .9rem .9rem;border-top:1px solid var(--line)}
b.m{display:inline-block;min-width:4.2em;font:700 12.5px ui-monospace,monospace}
.GET{color:var(--get)}.POST{color:var(--post)}.PUT{color:var(--put)}.DELETE{color:var(--delete)}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
.scroll{overflow-x:auto}
`.trim();

const HASH = createHash('sha256').update(STYLE).digest('base64');

/** Nothing but this one style sheet: no scripts, no images, no frames, nothing from elsewhere. */
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
};

/** A page for people. It needs no JavaScript. */
export function pageReply(title: string, content: Html): Reply {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${new Html(STYLE)}</style></head>
<body><header><a href="/">kopr</a><a href="/api_3/docs">API</a><a href="/api">Tokens</a></header>
<main>${content}</main></body></html>
`;
  return new Reply({ headers: HEADERS, body: page.text });
}
