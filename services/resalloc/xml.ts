import { Fault } from './fault.ts';

/**
 * The XML that XML-RPC needs, and no more: elements without attributes, text, the five entities that need no
 * declaration and numeric references. There are no document types, hence no entities to expand and no files to fetch.
 */
export interface Element {
  name: string;
  children: Element[];
  /** All text directly in it. */
  text: string;
}

const MAX_DEPTH = 16;
const DECLARATION =
  /^<\?xml\s+version\s*=\s*(?:"1\.[0-9]"|'1\.[0-9]')(?:\s+encoding\s*=\s*(?:"([\w.-]+)"|'([\w.-]+)'))?(?:\s+standalone\s*=\s*(?:"yes"|'yes'))?\s*\?>/;
const ENCODINGS = ['utf-8', 'utf8', 'us-ascii', 'ascii'];
const NAME = /[A-Za-z][A-Za-z0-9._]*/y;
/** In UTF-16: surrogates always come in pairs, since the text has been UTF-8. */
const FORBIDDEN = /[^\t\n\r\u0020-\ufffd]/;
const ENTITIES = new Map([
  ['lt;', '<'],
  ['gt;', '>'],
  ['amp;', '&'],
  ['quot;', '"'],
  ['apos;', "'"],
]);

/** The root element. Throws a Fault for everything that is not exactly what is described above. */
export function parseXml(bytes: Uint8Array): Element {
  return new Parser(withoutDeclaration(decoded(bytes))).document();
}

function malformed(message: string): Fault {
  return new Fault('malformed', `the request is not the XML of a call: ${message}`);
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r\n?/g, '\n');
  } catch {
    throw malformed('it is not UTF-8');
  }
}

function withoutDeclaration(text: string): string {
  const found = DECLARATION.exec(text);
  if (!found) return text;
  const encoding = found[1] ?? found[2];
  if (encoding !== undefined && !ENCODINGS.includes(encoding.toLowerCase())) {
    throw malformed(`its encoding is ${encoding}; only UTF-8 is read here`);
  }
  return text.slice(found[0].length);
}

class Parser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): Element {
    this.skipSpace();
    const root = this.element(1);
    this.skipSpace();
    if (this.at < this.text.length) throw malformed('something follows its end');
    return root;
  }

  private element(depth: number): Element {
    if (depth > MAX_DEPTH) throw malformed(`elements are nested more than ${MAX_DEPTH} deep`);
    this.expect('<');
    const name = this.name();
    this.skipSpace();
    const element: Element = { name, children: [], text: '' };
    if (this.take('/>')) return element;
    if (!this.take('>')) throw malformed(`<${name}> has an attribute or is not closed with ">"`);
    for (;;) {
      element.text += this.characters();
      if (this.take('</')) break;
      element.children.push(this.element(depth + 1));
    }
    const end = this.name();
    if (end !== name) throw malformed(`<${name}> is closed as </${end}>`);
    this.skipSpace();
    this.expect('>');
    return element;
  }

  /** Up to the next tag. */
  private characters(): string {
    const end = this.text.indexOf('<', this.at);
    if (end < 0) throw malformed('it ends within an element');
    const raw = this.text.slice(this.at, end);
    this.at = end;
    if (FORBIDDEN.test(raw)) throw malformed('it holds a character that XML does not allow');
    return raw.replace(/&([^;]{0,12};)?/g, (_, reference: string | undefined) => character(reference));
  }

  private name(): string {
    if (this.text[this.at] === '!') {
      throw malformed('it has a document type, a comment or a CDATA section; none of them is read here');
    }
    NAME.lastIndex = this.at;
    const found = NAME.exec(this.text)?.[0];
    if (found === undefined) throw malformed('"<" is not followed by the name of an element');
    this.at += found.length;
    return found;
  }

  private skipSpace(): void {
    while (' \t\n'.includes(this.text[this.at] ?? '.')) this.at++;
  }

  private take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  private expect(expected: string): void {
    if (!this.take(expected)) throw malformed(`"${expected}" is missing`);
  }
}

/** @param reference what follows "&", up to and with ";" */
function character(reference = ''): string {
  const known = ENTITIES.get(reference);
  if (known !== undefined) return known;
  const number = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));$/.exec(reference);
  const code = number === null ? -1 : number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
  const allowed = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  const text = allowed ? String.fromCodePoint(code) : '';
  if (text === '' || FORBIDDEN.test(text)) throw malformed('it has an entity that XML-RPC does not know');
  return text;
}

/** Text as it stands in an element. What XML cannot hold becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(new RegExp(FORBIDDEN, 'g'), '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
}
